// The reader with an agent that the test plays, over a real socket.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "cardea/hex.h"
#include "reader.h"

using namespace cardea;
using namespace cardea::literals;
using namespace std::chrono_literals;
using link::FrameType;

namespace {

constexpr auto kAtr = "3B 87 80 01 43 61 72 64 65 61 30 06"_hex;
constexpr auto kSelect = "00 A4 04 00"_hex;
constexpr auto kLong = 10s;  // for what must happen at once

/// A reader in a folder of its own.
struct Bench {
  explicit Bench(std::chrono::milliseconds settle = ifd::kSettle) : settle_time{settle} {
    std::string pattern = (std::filesystem::temp_directory_path() / "cardea-reader-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    open();
  }
  ~Bench() {
    reader.reset();
    std::filesystem::remove_all(folder);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void open() {
    auto made = ifd::Reader::open(
        {path(), 1}, [](const std::string&) {}, settle_time);
    REQUIRE(made);
    reader = std::move(*made);
  }
  [[nodiscard]] std::string path() const { return folder + "/ifd.sock"; }

  /// Connects and says hello; what the reader answers.
  std::unique_ptr<link::Channel> knock(link::Frame& reply) const {
    auto socket = link::connect_to(path());
    REQUIRE(socket);
    auto channel = std::make_unique<link::Channel>(std::move(*socket));
    REQUIRE(channel->set_deadline(kLong));
    REQUIRE(channel->send(FrameType::hello,
                          link::encode(link::Hello{link::kProtocolVersion, to_bytes(kAtr), "badge"})));
    auto answer = channel->receive();
    REQUIRE(answer);
    reply = *std::move(answer);
    return channel;
  }
  [[nodiscard]] std::unique_ptr<link::Channel> insert() const {
    link::Frame reply;
    auto channel = knock(reply);
    REQUIRE(reply.type == FrameType::welcome);
    return channel;
  }
  /// As pcscd does: wait, look, until the slot is as wanted.
  void settle(bool present) const {
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (reader->present(0) != present && std::chrono::steady_clock::now() < end)
      reader->wait_for_change(0, kLong);
    REQUIRE(reader->present(0) == present);
  }

  /// This thread becomes the one that tells the applications.
  void watch() const {
    reader->stop_waiting(0);
    reader->wait_for_change(0, kLong);
  }
  /// What another thread does.
  static void elsewhere(const std::function<void()>& work) { std::thread{work}.join(); }
  std::chrono::milliseconds settle_time;
  std::string folder;
  std::unique_ptr<ifd::Reader> reader;
};

}  // namespace

TEST_CASE("[A1] a connection is a card; its end is the removal") {
  Bench bench;
  CHECK(!bench.reader->present(0));
  auto card = bench.insert();
  bench.settle(true);
  const auto atr = bench.reader->power_on(0, FrameType::power_on);
  REQUIRE(atr);
  CHECK(to_hex(*atr) == to_hex(kAtr));
  card.reset();
  bench.settle(false);
  CHECK(!bench.reader->power_on(0, FrameType::reset));
}

TEST_CASE("[A1] a card that leaves and comes back between two looks has been away") {
  Bench bench;
  auto card = bench.insert();
  bench.settle(true);
  card.reset();
  bench.reader->wait_for_change(0, kLong);  // the change is there; nobody has looked
  link::Frame reply;
  card = bench.knock(reply);
  CHECK(reply.type == FrameType::refused);
  CHECK(!bench.reader->present(0));  // the look that tells the applications
  card = bench.insert();
  bench.settle(true);
}

TEST_CASE("[A1] a removal waits for other threads that were told of the card to write down what they saw") {
  Bench bench{1h};
  auto card = bench.insert();
  bench.watch();
  CHECK(bench.reader->present(0));
  SUBCASE("asked whether it is there") {
    bench.elsewhere([&] { CHECK(bench.reader->present(0)); });
  }
  SUBCASE("reset") {
    bench.elsewhere([&] { CHECK(bench.reader->power_on(0, FrameType::reset).has_value()); });
  }
  SUBCASE("powered down") {
    bench.elsewhere([&] { CHECK(bench.reader->power_off(0).has_value()); });
  }
  card.reset();
  bench.reader->wait_for_change(0, kLong);  // the removal is there
  CHECK(bench.reader->present(0));
  bench.elsewhere([&] { CHECK_FALSE(bench.reader->present(0)); });
  // Nobody puts a card into a slot whose removal nobody has heard of.
  link::Frame reply;
  card = bench.knock(reply);
  CHECK(reply.type == FrameType::refused);
}

TEST_CASE("[A1] a removal that nobody relied on, or long ago, is told at once") {
  Bench bench{1ms};
  auto card = bench.insert();
  bench.watch();
  bench.elsewhere([&] { CHECK(bench.reader->power_on(0, FrameType::power_on).has_value()); });
  card.reset();
  bench.settle(false);  // waits as pcscd does, and no longer than it must

  Bench alone{1h};
  card = alone.insert();
  alone.watch();
  CHECK(alone.reader->power_on(0, FrameType::power_on).has_value());  // the watching thread's own
  card.reset();
  alone.settle(false);
}

TEST_CASE("a change before the wait is not waited for") {
  Bench bench;
  bench.reader->stop_waiting(0);
  const auto began = std::chrono::steady_clock::now();
  bench.reader->wait_for_change(0, 10min);
  CHECK(std::chrono::steady_clock::now() - began < 5min);
}

TEST_CASE("a command reaches the agent as it is, and the response comes back as it is") {
  Bench bench;
  const auto card = bench.insert();
  bench.settle(true);
  std::thread agent{[&] {
    for (int i = 0; i < 2; ++i) {
      const auto frame = card->receive();
      if (!frame || frame->type != FrameType::transmit) return;
      Bytes answer = frame->payload;
      answer.resize(std::min<std::size_t>(answer.size(), 65536));
      append(answer, "90 00"_hex);
      (void)card->send(FrameType::response, answer, frame->number);
    }
  }};
  const auto small = bench.reader->transmit(0, kSelect);
  Bytes largest = concat({"00 DB 3F FF 00 FF FF"_hex, Bytes(65535, 0x5A), "00 00"_hex});
  const auto big = bench.reader->transmit(0, largest);
  agent.join();
  REQUIRE(small);
  CHECK(to_hex(*small) == "00A404009000");
  REQUIRE(big);
  CHECK(big->size() == 65538);
}

TEST_CASE("[A3] what is no command is answered 6700 and never reaches the agent") {
  Bench bench;
  const auto card = bench.insert();
  bench.settle(true);
  for (const auto* text : {"", "00", "01", "04", "00A4", "00A404", "00A40400050102", "00A404000001"}) {
    CAPTURE(text);
    const auto answer = bench.reader->transmit(0, *from_hex(text));
    REQUIRE(answer);
    CHECK(to_hex(*answer) == "6700");
  }
  std::uint8_t octet = 0;
  CHECK(::recv(card->fd(), &octet, 1, MSG_DONTWAIT | MSG_PEEK) == -1);
}

TEST_CASE("[A1] an agent that dies in the middle of a command takes its card with it") {
  Bench bench;
  auto card = bench.insert();
  bench.settle(true);
  std::thread agent{[&] {
    (void)card->receive();
    card.reset();
  }};
  const auto answer = bench.reader->transmit(0, kSelect);
  agent.join();
  REQUIRE(!answer);
  CHECK(answer.error().code == Errc::unavailable);
  bench.settle(false);
}

TEST_CASE("an answer that is no response costs the agent its slot") {
  Bench bench;
  const auto card = bench.insert();
  bench.settle(true);
  std::thread agent{[&] {
    const auto frame = card->receive();
    if (frame) (void)card->send(FrameType::response, "90"_hex, frame->number);
  }};
  CHECK(!bench.reader->transmit(0, kSelect));
  agent.join();
  bench.settle(false);
}

TEST_CASE("a response that nobody asked for does not answer the next command") {
  Bench bench;
  const auto card = bench.insert();
  bench.settle(true);
  std::thread agent{[&] {
    const auto first = card->receive();
    if (!first) return;
    (void)card->send(FrameType::response, "90 00"_hex, first->number);
    (void)card->send(FrameType::response, "61 01 90 00"_hex, first->number);
    (void)card->receive();
  }};
  const auto answered = bench.reader->transmit(0, kSelect);
  const auto fooled = bench.reader->transmit(0, kSelect);
  agent.join();
  REQUIRE(answered);
  CHECK(to_hex(*answered) == "9000");
  REQUIRE(!fooled);
  CHECK(fooled.error().what == "the agent answered what it was not asked");
  bench.settle(false);
}

TEST_CASE("the socket is for its owner and the group only") {
  Bench bench;
  struct stat info {};
  REQUIRE(::stat(bench.path().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0660U);
}

TEST_CASE("garbage closes its own connection only") {
  Bench bench;
  const auto card = bench.insert();
  bench.settle(true);
  for (const auto* text :
       {"FFFFFFFF00", "000000054200000000", "474554202F20485454502F312E310D0A", "000000051300000000"}) {
    auto socket = link::connect_to(bench.path());
    REQUIRE(socket);
    const auto octets = *from_hex(text);
    REQUIRE(::send(socket->get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
    link::Channel channel{std::move(*socket)};
    REQUIRE(channel.set_deadline(kLong));
    const auto closed = channel.receive();
    REQUIRE(!closed);
  }
  CHECK(bench.reader->present(0));
}

TEST_CASE("a second card finds no room, and is told so") {
  Bench bench;
  const auto card = bench.insert();
  link::Frame reply;
  const auto second = bench.knock(reply);
  CHECK(reply.type == FrameType::refused);
  CHECK(std::string(reply.payload.begin(), reply.payload.end()) == "the slot holds a card already");
}

TEST_CASE(
    "what a dead reader left behind does not keep the next one from starting; a file that is no socket "
    "does") {
  Bench bench;
  CHECK(!ifd::Reader::open({bench.path(), 1}, [](const std::string&) {}));  // one lives
  bench.reader.reset();
  bench.open();
  bench.reader.reset();
  std::filesystem::remove(bench.path());
  std::filesystem::create_directory(bench.path());
  CHECK(!ifd::Reader::open({bench.path(), 1}, [](const std::string&) {}));
}
