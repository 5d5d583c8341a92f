#include <stdexcept>

namespace cardea::config {
[[noreturn]] static void reader_gave_up() {
  throw std::logic_error{"toml++"};
}
}  // namespace cardea::config

// toml++ 3.3 asserts what a file can break ("[$x]"): the process would end, or with NDEBUG go on into
// undefined behaviour. Here it is a mistake in the file.
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? static_cast<void>(0) : cardea::config::reader_gave_up())

#include <toml++/toml.h>

#include <fmt/format.h>
#include <array>
#include <fstream>
#include <limits>
#include <set>

#include "cardea/config/settings.h"

namespace cardea::config {
namespace {

/// Walks one document. Every key that is asked for becomes a known one, so the list of keys exists only once.
class Reader {
 public:
  Reader(const toml::table& root, std::string file) : root_{root}, file_{std::move(file)} {}

  void section(const char* name) {
    section_name_ = name;
    section_ = nullptr;
    known_sections_.insert(name);
    known_.clear();
    const auto* node = root_.get(name);
    if (node == nullptr) return;
    section_ = node->as_table();
    if (section_ == nullptr) mistake(*node, fmt::format("'{}' must be a section, [{}]", name, name));
  }

  template <class Integer>
  void number(const char* key, Integer& out, std::int64_t low, std::int64_t high) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (!value) return mistake(*node, fmt::format("{} must be a whole number", full(key)));
    if (*value < low || *value > high) {
      return mistake(*node, fmt::format("{} is {}; it must be {} to {}", full(key), *value, low, high));
    }
    out = static_cast<Integer>(*value);
  }

  void text(const char* key, std::string& out, bool may_be_empty = false) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* value = node->as_string();
    if (value == nullptr) return mistake(*node, full(key) + " must be a string");
    if (value->get().empty() && !may_be_empty) return mistake(*node, full(key) + " must not be empty");
    if (value->get().find('\0') != std::string::npos)
      return mistake(*node, full(key) + " holds a zero octet");
    out = value->get();
  }

  void path(const char* key, std::filesystem::path& out) {
    std::string value;
    text(key, value);
    if (!value.empty()) out = value;
  }

  void texts(const char* key, std::vector<std::string>& out) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* array = node->as_array();
    if (array == nullptr) return mistake(*node, full(key) + " must be a list of strings");
    out.clear();
    for (const auto& element : *array) {
      const auto* value = element.as_string();
      if (value == nullptr || value->get().empty())
        return mistake(element, full(key) + " must be a list of strings");
      out.push_back(value->get());
    }
  }

  void duration(const char* key, Seconds& out, Seconds low, Seconds high) {
    const auto* node = find(key);
    if (node == nullptr) return;
    Result<Seconds> value = fail(Errc::invalid, "");
    if (const auto* number = node->as_integer(); number != nullptr) value = Seconds{number->get()};
    if (const auto* string = node->as_string(); string != nullptr) value = parse_duration(string->get());
    if (!value) return mistake(*node, full(key) + " must be a duration such as \"90s\", \"15m\" or \"12h\"");
    if (*value < low || *value > high) {
      return mistake(*node, fmt::format("{} is {}s; it must be {}s to {}s", full(key), value->count(),
                                        low.count(), high.count()));
    }
    out = *value;
  }

  /// One of a few words.
  template <class T>
  void word(const char* key, T& out, std::initializer_list<std::pair<const char*, T>> words) {
    const auto* node = find(key);
    if (node == nullptr) return;
    std::string list;
    for (const auto& [name, value] : words) {
      if (node->is_string() && node->as_string()->get() == name) {
        out = value;
        return;
      }
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", name);
    }
    mistake(*node, fmt::format("{} must be one of {}", full(key), list));
  }

  void end_section() {
    if (section_ == nullptr) return;
    for (const auto& [key, node] : *section_) {
      if (known_.count(std::string{key.str()}) == 0) {
        mistake(node, fmt::format("unknown key '{}' in [{}]", key.str(), section_name_));
      }
    }
  }

  void end() {
    for (const auto& [key, node] : root_) {
      if (known_sections_.count(std::string{key.str()}) == 0) {
        mistake(node, fmt::format("unknown {} '{}'", node.is_table() ? "section" : "key", key.str()));
      }
    }
  }

  /// A mistake that is about a section and not about one line of it.
  void mistake_in(const char* section, const std::string& sentence) {
    const auto* node = root_.get(section);
    add(node != nullptr ? node->source().begin.line : 1, sentence);
  }

  [[nodiscard]] std::string mistakes() const {
    std::string all;
    for (const auto& [line, sentence] : mistakes_) {
      all += fmt::format("{}{}:{}: {}", all.empty() ? "" : "\n", file_, line, sentence);
    }
    return all;
  }

 private:
  const toml::node* find(const char* key) {
    known_.insert(key);
    return section_ != nullptr ? section_->get(key) : nullptr;
  }
  [[nodiscard]] std::string full(const char* key) const { return fmt::format("{}.{}", section_name_, key); }
  void mistake(const toml::node& node, const std::string& sentence) {
    add(node.source().begin.line, sentence);
  }
  void add(std::uint32_t line, const std::string& sentence) { mistakes_.emplace(line, sentence); }

  const toml::table& root_;
  std::string file_;
  std::string section_name_;
  const toml::table* section_ = nullptr;
  std::set<std::string> known_;
  std::set<std::string> known_sections_;
  std::multimap<std::uint32_t, std::string> mistakes_;
};

void read_server(Reader& reader, Server& server) {
  reader.section("server");
  reader.text("address", server.address);
  reader.number("port", server.port, 0, 65535);
  reader.path("data_directory", server.data_directory);
  reader.number("threads", server.threads, 0, 256);
  reader.end_section();
}

void read_tls(Reader& reader, Tls& tls) {
  reader.section("tls");
  reader.path("certificate", tls.certificate);
  reader.path("key", tls.key);
  reader.path("client_ca", tls.client_ca);
  reader.texts("names", tls.names);
  reader.end_section();
  if (tls.certificate.empty() != tls.key.empty()) {
    reader.mistake_in("tls", "tls.certificate and tls.key go together: name both or neither");
  }
}

void read_vault(Reader& reader, Vault& vault) {
  reader.section("vault");
  reader.path("module", vault.module);
  reader.text("token_label", vault.token_label);
  reader.path("pin_file", vault.pin_file);
  reader.number("workers", vault.workers, 1, 64);
  reader.path("signer", vault.signer);
  reader.end_section();
  if (!vault.module.empty() && vault.pin_file.empty()) {
    reader.mistake_in("vault", "vault.module needs vault.pin_file, the file that holds the token's user PIN");
  }
  if (vault.module.empty() && !vault.pin_file.empty()) {
    reader.mistake_in(
        "vault", "vault.pin_file is for a module that vault.module names; the built-in token has its own");
  }
}

void read_log(Reader& reader, Log& log) {
  reader.section("log");
  reader.word<std::string>(
      "level", log.level,
      {{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}});
  reader.word<LogFormat>("format", log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}});
  reader.end_section();
}

void read_limits(Reader& reader, Limits& limits) {
  using std::chrono::hours;
  reader.section("limits");
  reader.number("sessions", limits.sessions, 1, 10'000'000);
  reader.number("sessions_per_device", limits.sessions_per_device, 1, 100'000);
  reader.duration("session_idle", limits.session_idle, Seconds{10}, hours{24});
  reader.duration("session_lifetime", limits.session_lifetime, Seconds{60}, hours{24 * 7});
  reader.number("connections", limits.connections, 1, 1'000'000);
  // An exchange may be 1 MiB (channel.h); less would break agents that are within their rights.
  reader.number("body", limits.body, 1 << 20, 64 << 20);
  reader.duration("connection_idle", limits.connection_idle, Seconds{1}, hours{1});
  reader.duration("handshake", limits.handshake, Seconds{1}, Seconds{300});
  reader.duration("request", limits.request, Seconds{1}, Seconds{300});
  reader.end_section();
}

}  // namespace

Result<Seconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (number > 1'000'000'000) return fail(Errc::invalid, "the duration is too long");
    number = number * 10 + (text[at] - '0');
  }
  const auto unit = text.substr(at);
  std::int64_t factor = 0;
  if (unit.empty() || unit == "s") factor = 1;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3600;
  if (unit == "d") factor = 86400;
  if (at == 0 || factor == 0) return fail(Errc::invalid, "a duration is a number and s, m, h or d: 15m");
  return Seconds{number * factor};
}

Result<Settings> parse(std::string_view toml, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(toml);
  } catch (const toml::parse_error& e) {
    return fail(Errc::invalid, fmt::format("{}:{}: {}", file, e.source().begin.line, e.description()));
  } catch (const std::logic_error&) {
    return fail(Errc::invalid, fmt::format("{}: not TOML: is there a name that needs quotes?", file));
  }
  Settings settings;
  Reader reader{root, file};
  read_server(reader, settings.server);
  read_tls(reader, settings.tls);
  read_vault(reader, settings.vault);
  read_log(reader, settings.log);
  read_limits(reader, settings.limits);
  reader.end();
  if (auto mistakes = reader.mistakes(); !mistakes.empty()) return fail(Errc::invalid, std::move(mistakes));
  return settings;
}

Result<Settings> load(const std::filesystem::path& file) {
  std::error_code ignored;
  std::ifstream in{file};
  if (!in || std::filesystem::is_directory(file, ignored)) {
    return fail(Errc::not_found, fmt::format("{}: cannot be read", file.string()));
  }
  // Not `text << in.rdbuf()`: that fails for an empty file, which is a good one.
  std::string text;
  std::array<char, 4096> part{};
  while (in.read(part.data(), part.size()) || in.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return fail(Errc::not_found, fmt::format("{}: cannot be read", file.string()));
  return parse(text, file.string());
}

}  // namespace cardea::config
