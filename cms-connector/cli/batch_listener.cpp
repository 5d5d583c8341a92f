#include "batch_listener.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cardea::cms::cli {

namespace {

using batch::Entry;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using std::chrono::milliseconds;

milliseconds since(Clock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - then);
}

/// "1:02:03" or "2:03".
std::string clock_text(std::chrono::seconds time) {
  const auto seconds = time.count();
  std::ostringstream out;
  out << std::setfill('0');
  if (seconds >= 3600) out << seconds / 3600 << ':' << std::setw(2);
  out << seconds / 60 % 60 << ':' << std::setw(2) << seconds % 60;
  return out.str();
}

/// The longest beginning of UTF-8 text that has no more than `most` characters.
std::string shortened(const std::string& text, std::size_t most) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (begins && characters++ == most) return text.substr(0, i);
  }
  return text;
}

class Lines : public batch::Listener {
 public:
  Lines(std::ostream& out, std::size_t already) : out_{out} { standing_.done = already; }

  void person(std::size_t, std::size_t count, const Entry& entry, bool resumed) override {
    standing_.count = count;
    standing_.name = batch::display_name(entry.person);
    standing_.resumed = resumed;
  }
  void issued(const Entry& entry, milliseconds took, const std::vector<std::string>& warnings) override {
    ++standing_.done;
    ++standing_.done_now;
    std::ostringstream line;
    line << standing_.done << "/" << standing_.count << " " << batch::display_name(entry.person) << ": card "
         << entry.guid << (standing_.resumed ? " finished in " : " issued in ") << took.count() << " ms";
    say(line.str());
    for (const auto& warning : warnings)
      say("  note: " + warning);
  }
  void not_issued(const Entry& entry, const std::string& why) override {
    say(batch::display_name(entry.person) + " (line " + std::to_string(entry.person.line) + "): " + why);
  }
  void remark(const std::string& sentence) override { say(sentence); }
  void begin(std::size_t, std::size_t, const std::string&) override {}
  void done(const std::string&) override {}
  void failed() override {}

 protected:
  /// How far it has come.
  struct Standing {
    std::size_t count = 0, done = 0, done_now = 0;
    std::string name;
    bool resumed = false;
  };
  [[nodiscard]] const Standing& standing() const { return standing_; }
  std::ostream& out() { return out_; }
  virtual void say(const std::string& line) { out_ << line << "\n" << std::flush; }

 private:
  std::ostream& out_;
  Standing standing_;
};

class Bar final : public Lines {
 public:
  using Lines::Lines;
  ~Bar() override { clear(); }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
  Bar(Bar&&) = delete;
  Bar& operator=(Bar&&) = delete;

  void begin(std::size_t, std::size_t, const std::string& title) override {
    draw(standing().name + ": " + title);
  }
  void issued(const Entry& entry, milliseconds took, const std::vector<std::string>& warnings) override {
    Lines::issued(entry, took, warnings);
    draw("next card");
  }

 private:
  void say(const std::string& line) override {
    clear();
    Lines::say(line);
  }
  void clear() { out() << "\r\x1B[K" << std::flush; }
  void draw(const std::string& what) {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    out() << "\r\x1B[K"
          << bar_line(standing().done, standing().count, standing().done_now, since(began_), what,
                      known ? std::size_t{size.ws_col} : 80)
          << std::flush;
  }

  Clock::time_point began_ = Clock::now();
};

class Documents final : public batch::Listener {
 public:
  explicit Documents(std::ostream& out) : out_{out} {}

  void person(std::size_t number, std::size_t count, const Entry& entry, bool resumed) override {
    Json event = about(resumed ? "resumed" : "begun", entry);
    event["number"] = number;
    event["count"] = count;
    write(event);
  }
  void issued(const Entry& entry, milliseconds took, const std::vector<std::string>& warnings) override {
    Json event = about("issued", entry);
    event["certificates"] = entry.certificates;
    event["milliseconds"] = took.count();
    event["warnings"] = warnings;
    write(event);
  }
  void not_issued(const Entry& entry, const std::string& why) override {
    Json event = about("failed", entry);
    event["reason"] = why;
    write(event);
  }
  void remark(const std::string& sentence) override { write({{"event", "remark"}, {"what", sentence}}); }
  void begin(std::size_t, std::size_t, const std::string&) override {}
  void done(const std::string&) override {}
  void failed() override {}

 private:
  static Json about(const char* event, const Entry& entry) {
    Json out = {{"event", event},
                {"line", entry.person.line},
                {"subject", entry.person.holder.subject},
                {"guid", entry.guid}};
    if (!entry.person.id.empty()) out["id"] = entry.person.id;
    if (entry.serial) out["serial"] = *entry.serial;
    return out;
  }
  void write(const Json& event) {
    out_ << event.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n" << std::flush;
  }

  std::ostream& out_;
};

}  // namespace

std::string bar_line(std::size_t done, std::size_t count, std::size_t done_now, milliseconds took,
                     const std::string& what, std::size_t width) {
  constexpr std::size_t kBar = 20;
  const std::size_t full = count == 0 ? 0 : std::min(kBar, kBar * done / count);
  std::ostringstream out;
  out << "[" << std::string(full, '=') << (full < kBar ? ">" : "")
      << std::string(kBar - full - (full < kBar ? 1 : 0), ' ') << "] " << done << "/" << count;
  if (done_now > 0 && took.count() > 0) {
    const double per_minute = static_cast<double>(done_now) * 60000.0 / static_cast<double>(took.count());
    const auto left = std::chrono::seconds{
        static_cast<std::int64_t>(static_cast<double>(count - done) * 60.0 / per_minute + 0.5)};
    out << "  " << std::fixed << std::setprecision(1) << per_minute << " cards/min  " << clock_text(left)
        << " left";
  }
  out << "  " << what;
  return shortened(out.str(), width - 1);
}

std::unique_ptr<batch::Listener> make_batch_listener(BatchView view, std::ostream& out, std::size_t already) {
  switch (view) {
    case BatchView::bar:
      return std::make_unique<Bar>(out, already);
    case BatchView::json:
      return std::make_unique<Documents>(out);
    case BatchView::lines:
      break;
  }
  return std::make_unique<Lines>(out, already);
}

}  // namespace cardea::cms::cli
