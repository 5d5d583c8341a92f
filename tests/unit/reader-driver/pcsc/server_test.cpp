#include "cardea/resource/server.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include "../temp_folder.h"
#include "cardea/pcsc_link/messages.h"
#include "cardea/pcsc_link/remote_session.h"
#include "cardea/pcsc_link/unix_transport.h"
#include "cardea/test/print.h"
#include "cardea/winscard/core.h"
#include "fake_card.h"

using namespace cardea;
using namespace cardea::pcsc_link;
using test::FakeCard;

namespace {

const std::string kFirst = "Cardea 00 00";
constexpr auto kEither = protocol::kT0 | protocol::kT1;

/// A session that counts the waits that have begun in it.
class Counting final : public Session {
 public:
  Counting(std::unique_ptr<Session> inner, std::atomic<int>& waits)
      : inner_{std::move(inner)}, waits_{waits} {}
  Code connect(const std::string& reader, std::uint32_t share, std::uint32_t protocols,
               Connected& out) override {
    return inner_->connect(reader, share, protocols, out);
  }
  Code reconnect(CardId card, std::uint32_t share, std::uint32_t protocols, std::uint32_t initialization,
                 Connected& out) override {
    return inner_->reconnect(card, share, protocols, initialization, out);
  }
  Code disconnect(CardId card, std::uint32_t disposition) override {
    return inner_->disconnect(card, disposition);
  }
  Code begin(CardId card) override { return inner_->begin(card); }
  Code end(CardId card, std::uint32_t disposition) override { return inner_->end(card, disposition); }
  Code status(CardId card, bool wait, ReaderRecord& out) override { return inner_->status(card, wait, out); }
  Code transmit(CardId card, std::uint32_t protocol, BytesView command, Transmitted& out) override {
    return inner_->transmit(card, protocol, command, out);
  }
  Code control(CardId card, std::uint32_t control_code, BytesView input, Bytes& out) override {
    return inner_->control(card, control_code, input, out);
  }
  Code readers(ReaderList& out) override { return inner_->readers(out); }
  Code wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit, ReaderList& out) override {
    ++waits_;
    return inner_->wait(call, known, limit, out);
  }
  void cancel(std::uint32_t call) noexcept override { inner_->cancel(call); }
  Code release() override { return inner_->release(); }
  void abandon() noexcept override { inner_->abandon(); }

 private:
  std::unique_ptr<Session> inner_;
  std::atomic<int>& waits_;
};

/// Both ends, over a real socket.
struct Bench {
  Bench() {
    manager.insert(card);
    (void)card->diary();
    start();
  }

  void start() {
    auto listener = listen_unix(path());
    REQUIRE(listener);
    server = std::make_unique<resource::Server>(manager, std::move(*listener), [](const std::string&) {});
  }
  [[nodiscard]] std::string path() const { return folder / "deeper/pcsc.sock"; }
  [[nodiscard]] std::unique_ptr<Session> session() const {
    std::unique_ptr<Session> out;
    auto transport = connect_unix(path());
    REQUIRE(transport);
    REQUIRE(RemoteSession::open(std::move(*transport), scope::kSystem, out) == code::kSuccess);
    return out;
  }
  [[nodiscard]] winscard::OpenSession opener() const {
    return [this](std::uint32_t scope, std::unique_ptr<Session>& out) -> Code {
      auto transport = connect_unix(path());
      return transport ? RemoteSession::open(std::move(*transport), scope, out) : code::kNoService;
    };
  }
  static CardId connect(Session& from) {
    Connected out;
    REQUIRE(from.connect(kFirst, share::kShared, kEither, out) == code::kSuccess);
    return out.card;
  }

  test::TempFolder folder;
  std::shared_ptr<FakeCard> card = std::make_shared<FakeCard>();
  resource::Manager manager;
  std::unique_ptr<resource::Server> server;
};

}  // namespace

TEST_CASE("A session in another process says what one here says [A2]") {
  const Bench bench;
  const auto session = bench.session();
  const auto card = Bench::connect(*session);
  ReaderRecord record;
  CHECK(session->status(card, true, record) == code::kSuccess);
  CHECK(record.atr == bench.card->atr());
  Transmitted answer;
  CHECK(session->transmit(card, protocol::kT1, Bytes{0, 0xA4, 4, 0}, answer) == code::kSuccess);
  CHECK(answer == Transmitted{protocol::kT1, {0, 0xA4, 4, 0, 0x90, 0}});
  Bytes features{1};
  CHECK(session->control(card, kGetFeatureRequest, {}, features) == code::kSuccess);
  CHECK(features.empty());
  CHECK(session->begin(card) == code::kSuccess);
  CHECK(session->end(card, disposition::kLeave) == code::kSuccess);
  Connected again;
  CHECK(session->reconnect(card, share::kShared, kEither, disposition::kReset, again) == code::kSuccess);
  CHECK(session->disconnect(card, disposition::kLeave) == code::kSuccess);
  CHECK(session->release() == code::kSuccess);
}

TEST_CASE("The largest command passes, and is answered [A2]") {
  const Bench bench;
  const auto session = bench.session();
  const auto card = Bench::connect(*session);
  Bytes command{0, 0xDB, 0x3F, 0xFF, 0, 0xFF, 0xFF};
  command.resize(7 + 65535);
  Transmitted answer;
  CHECK(session->transmit(card, protocol::kT1, command, answer) == code::kSuccess);
  CHECK(answer.response.size() == command.size() + 2);
}

TEST_CASE("A program's end gives up what it held, also while it waits [A2]") {
  const Bench bench;
  const auto survivor = bench.session();
  {
    const auto dying = bench.session();
    REQUIRE(dying->begin(Bench::connect(*dying)) == code::kSuccess);
  }
  // Connecting waits for the end of the transaction, so that the reset is over.
  const auto card = Bench::connect(*survivor);
  CHECK(bench.card->diary() == "reset");
  CHECK(survivor->begin(card) == code::kSuccess);

  // Two that wait, one for the list and one for the card, and are no more.
  for (const bool for_card : {true, false}) {
    auto transport = connect_unix(bench.path());
    REQUIRE(transport);
    Channel channel{std::move(*transport)};
    REQUIRE(channel.send(FrameType::hello, encode(Hello{}), 0));
    REQUIRE(channel.receive()->type == FrameType::welcome);
    const Request request = for_card ? Request{request::Connect{share::kShared, kEither, kFirst}}
                                     : Request{request::Wait{1, 0xFFFFFFFF, kInfinite}};
    REQUIRE(channel.send(type_of(request), encode(request), 1));
  }
  CHECK(survivor->end(card, disposition::kLeave) == code::kSuccess);
  ReaderList list;
  CHECK(survivor->readers(list) == code::kSuccess);
}

TEST_CASE("Another version is refused by name, and nonsense cut off [A2]") {
  const Bench bench;
  const auto first_words = [&](FrameType type, const Bytes& payload) {
    auto transport = connect_unix(bench.path());
    REQUIRE(transport);
    auto channel = std::make_unique<Channel>(std::move(*transport));
    REQUIRE(channel->send(type, payload, 0));
    return channel;
  };
  auto channel = first_words(FrameType::hello, {2, 0});
  const auto refusal = channel->receive();
  REQUIRE(refusal);
  CHECK(refusal->type == FrameType::refused);
  CHECK(std::string{refusal->payload.begin(), refusal->payload.end()} ==
        "the agent speaks version 1, the connector 2");
  CHECK_FALSE(channel->receive());
  CHECK_FALSE(first_words(FrameType::begin, {0, 0, 0, 1})->receive());
  CHECK_FALSE(first_words(FrameType::hello, {1})->receive());

  channel = first_words(FrameType::hello, encode(Hello{}));
  REQUIRE(channel->receive()->type == FrameType::welcome);
  REQUIRE(channel->send(FrameType::begin, Bytes{1}, 1));
  CHECK_FALSE(channel->receive());

  // A second request before the first is answered.
  channel = first_words(FrameType::hello, encode(Hello{}));
  REQUIRE(channel->receive()->type == FrameType::welcome);
  ReaderList list;
  REQUIRE(bench.session()->readers(list) == code::kSuccess);
  const Request wait{request::Wait{1, list.generation, kInfinite}};
  REQUIRE(channel->send(FrameType::wait, encode(wait), 1));
  REQUIRE(channel->send(FrameType::readers, {}, 2));
  CHECK_FALSE(channel->receive());
}

TEST_CASE("When the server ends, every waiting call returns, and later ones fail [A2]") {
  Bench bench;
  const auto one = bench.session();
  const auto two = bench.session();
  const auto three = bench.session();
  const auto held = Bench::connect(*one);
  const auto wanted = Bench::connect(*two);
  REQUIRE(one->begin(held) == code::kSuccess);
  ReaderList list;
  REQUIRE(three->readers(list) == code::kSuccess);
  // The contexts end one after the other: a last change, or the reset of the first one's card, may be heard
  // of as long as that takes, and then nothing more.
  const auto last_word = [](const std::function<Code()>& call) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    auto outcome = call();
    while (outcome != code::kNoService && std::chrono::steady_clock::now() < until)
      outcome = call();
    return outcome;
  };
  auto begun = std::async(std::launch::async, [&] { return last_word([&] { return two->begin(wanted); }); });
  auto waited = std::async(std::launch::async, [&] {
    return last_word([&] { return three->wait(1, list.generation, kInfinite, list); });
  });
  bench.server.reset();
  CHECK(begun.get() == code::kNoService);
  CHECK(waited.get() == code::kNoService);
  CHECK(one->end(held, disposition::kLeave) == code::kNoService);
  CHECK_FALSE(connect_unix(bench.path()));
  bench.start();
  ReaderList again;
  CHECK(one->readers(again) == code::kNoService);
  CHECK(bench.session()->readers(again) == code::kSuccess);
}

TEST_CASE("The socket and its directory are their owner's alone [A2]") {
  const Bench bench;
  namespace fs = std::filesystem;
  CHECK(fs::status(bench.path()).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::status(fs::path{bench.path()}.parent_path()).permissions() == fs::perms::owner_all);
  CHECK(listen_unix(bench.path()).error().code == Errc::conflict);
}

TEST_CASE("The core over a socket: handles, waits, cancel [A2]") {
  const Bench bench;
  std::atomic<int> waits{0};
  winscard::Core core{[&, open = bench.opener()](std::uint32_t scope, std::unique_ptr<Session>& out) {
    const auto outcome = open(scope, out);
    if (outcome == code::kSuccess) out = std::make_unique<Counting>(std::move(out), waits);
    return outcome;
  }};
  winscard::Handle context = 0;
  winscard::Handle card = 0;
  std::uint32_t active = 0;
  CHECK(core.establish(9, context) == code::kInvalidValue);
  REQUIRE(core.establish(scope::kSystem, context) == code::kSuccess);
  std::vector<std::string> names;
  CHECK(core.list_readers(context, names) == code::kSuccess);
  CHECK(names == std::vector{kFirst});
  REQUIRE(core.connect(context, kFirst, share::kShared, kEither, card, active) == code::kSuccess);
  CHECK(active == protocol::kT1);
  CHECK(card != context);
  winscard::CardStatus status;
  CHECK(core.status(card, status) == code::kSuccess);
  CHECK(status.reader == kFirst);
  winscard::Attribute value;
  CHECK(core.attribute(card, winscard::attribute::kVendorName, value) == code::kSuccess);
  CHECK(std::get<Bytes>(value) == to_bytes(as_bytes("Cardea")));
  CHECK(core.attribute(card, winscard::attribute::kDeviceUnit, value) == code::kSuccess);
  CHECK(std::get<std::uint32_t>(value) == 0);
  CHECK(core.attribute(card, 0x12345678, value) == code::kUnsupportedFeature);
  CHECK(core.set_attribute(card, winscard::attribute::kVendorName) == code::kNotTransacted);

  std::vector<winscard::Watched> watched{{kFirst, winscard::watch::kPresent, 0, {}}};
  const auto wait = [&](std::uint32_t limit) {
    return core.status_change(context, limit, watched, winscard::kPcscliteChanges);
  };
  CHECK(wait(0) == code::kTimeout);
  CHECK(core.cancel(context) == code::kSuccess);  // nobody waits
  CHECK(wait(5) == code::kTimeout);
  const auto waiting = [&] {
    const int before = waits;
    auto outcome = std::async(std::launch::async, [&] { return wait(kInfinite); });
    while (waits == before)
      std::this_thread::yield();
    return outcome;
  };
  auto outcome = waiting();
  CHECK(core.cancel(context) == code::kSuccess);
  CHECK(outcome.get() == code::kCancelled);

  // Releasing ends a wait in another thread.
  outcome = waiting();
  CHECK(core.release(context) == code::kSuccess);
  CHECK(outcome.get() == code::kCancelled);
  CHECK(wait(kInfinite) == code::kInvalidHandle);
  CHECK(core.release(context) == code::kInvalidHandle);
  CHECK(core.status(card, status) == code::kInvalidHandle);
}
