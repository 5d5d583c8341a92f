#include "control.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cardea/link/socket.h"
#include "temp_folder.h"

using namespace cardea;
using nlohmann::json;

namespace {

/// A control socket that echoes, except for what the test wants otherwise.
class Bench {
 public:
  Bench() : server_{[this](const std::stop_token& stop) { served_ = serve(stop); }} {
    // Until it listens.
    while (!link::connect_to(socket()))
      std::this_thread::yield();
  }
  ~Bench() {
    open_gate();
    server_.request_stop();
    server_.join();
    CHECK(served_);
    CHECK(!std::filesystem::exists(socket()));
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  [[nodiscard]] std::string socket() const { return folder_ / "agent.sock"; }
  [[nodiscard]] const test::TempFolder& folder() const { return folder_; }

  void open_gate() {
    {
      const std::lock_guard lock{gate_->mutex};
      gate_->open = true;
    }
    gate_->changed.notify_all();
  }

 private:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
  };

  Result<void> serve(const std::stop_token& stop) {
    const auto handler = [gate = gate_](const json& request) -> Result<json> {
      const auto verb = request.value("verb", "");
      if (verb == "refuse") return fail(Errc::denied, "not this one");
      if (verb == "wait") {
        std::unique_lock lock{gate->mutex};
        gate->changed.wait(lock, [&] { return gate->open; });
      }
      return request;
    };
    return agent::serve_control(socket(), handler, stop);
  }

  test::TempFolder folder_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  Result<void> served_;
  std::jthread server_;
};

/// Sends octets as they are; all that comes back.
std::string say(const std::string& socket, const std::string& octets) {
  const auto connected = link::connect_to(socket);
  REQUIRE(connected);
  (void)::send(connected->get(), octets.data(), octets.size(), MSG_NOSIGNAL);
  (void)::shutdown(connected->get(), SHUT_WR);
  std::string out;
  std::array<char, 256> piece{};
  while (true) {
    const auto n = ::recv(connected->get(), piece.data(), piece.size(), 0);
    if (n <= 0) return out;
    out.append(piece.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

TEST_CASE("control: a request and its answer, or its refusal") {
  const Bench bench;
  CHECK(test::mode_of(bench.socket()) == 0600U);
  const json request{{"verb", "echo"}, {"card", "Zoë's"}};
  const auto answer = agent::ask(bench.socket(), request);
  REQUIRE(answer);
  CHECK(*answer == request);
  const auto refused = agent::ask(bench.socket(), {{"verb", "refuse"}});
  REQUIRE(!refused);
  CHECK(refused.error().code == Errc::denied);
  CHECK(refused.error().what == "not this one");
}

TEST_CASE("control: no agent runs") {
  const test::TempFolder folder;
  const auto answer = agent::ask(folder / "agent.sock", {{"verb", "status"}});
  REQUIRE(!answer);
  CHECK(answer.error().code == Errc::unavailable);
  CHECK(answer.error().what.ends_with("; start one with: cardea-agent run"));
}

TEST_CASE("control: garbage is answered with a sentence, and the next one is served") {
  const Bench bench;
  const auto no_object = json{{"error", "not a JSON object"}, {"code", Errc::invalid}}.dump() + "\n";
  for (const auto* line : {"\n", "hello\n", "[1]\n", "{\"verb\":\n", "\xff\xfe\n", "null\n"}) {
    CAPTURE(line);
    CHECK(say(bench.socket(), line) == no_object);
  }
  CHECK(say(bench.socket(), "{\"verb\":7}\n") ==
        json{{"error", "not a request: a member has another type"}, {"code", Errc::invalid}}.dump() + "\n");
  CHECK(say(bench.socket(), "").empty());
  CHECK(say(bench.socket(), "{\"verb\":\"echo\"").empty());  // no end of line
  CHECK(say(bench.socket(), std::string(3U << 20U, 'x')).empty());
  CHECK(agent::ask(bench.socket(), {{"verb", "echo"}}));
}

TEST_CASE("control: what is no UTF-8 does not end anything") {
  const Bench bench;
  const auto answer = agent::ask(bench.socket(), {{"verb", "echo"}, {"card", "\xff"}});
  REQUIRE(answer);
  CHECK(answer->value("card", "") == "\xEF\xBF\xBD");
}

TEST_CASE("control: a request that takes its time keeps no other waiting") {
  Bench bench;
  Result<json> slow;
  std::jthread first{[&] { slow = agent::ask(bench.socket(), {{"verb", "wait"}}); }};
  CHECK(agent::ask(bench.socket(), {{"verb", "echo"}}));
  bench.open_gate();
  first.join();
  CHECK(slow);
}

TEST_CASE("control: one agent for a state directory") {
  const Bench bench;
  const auto second =
      agent::serve_control(bench.socket(), [](const json& request) { return Result<json>{request}; }, {});
  REQUIRE(!second);
  CHECK(second.error().code == Errc::conflict);
  CHECK(agent::ask(bench.socket(), {{"verb", "echo"}}));
}

TEST_CASE("control: another user is not heard, even past the mode of the file") {
  if (::geteuid() != 0) return;  // who is not root cannot play another user
  const Bench bench;
  std::filesystem::permissions(bench.folder().path(), std::filesystem::perms::all);
  std::filesystem::permissions(bench.socket(), std::filesystem::perms::all);
  const auto path = bench.socket();
  const auto child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::setuid(kNobody) != 0) ::_exit(2);
    const auto connected = link::connect_to(path);
    if (!connected) ::_exit(3);
    constexpr std::string_view kRequest = "{\"verb\":\"echo\"}\n";
    (void)::send(connected->get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL);
    char octet = 0;
    ::_exit(::recv(connected->get(), &octet, 1, 0) <= 0 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(agent::ask(bench.socket(), {{"verb", "echo"}}));
}
