// One card between a real reader and a server that the test plays.
#include "inserted_card.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "card_bench.h"
#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::literals;
using agent::Phase;
using link::FrameType;
using test::CardBench;
using Mishap = test::FakeServer::Mishap;
using Heard = test::FakeServer::Heard;

namespace {

constexpr auto kSelect = "00 A4 04 00"_hex;

api::Step reset() {
  return api::ResetStep{};
}
api::Step select() {
  return api::CommandStep{to_bytes(kSelect)};
}

bool answered(const CardBench& bench) {
  const auto answer = bench.reader->transmit(0, kSelect);
  return answer && to_hex(*answer) == "9000";
}

bool over(const agent::InsertedCard& card) {
  return card.wait_until_over(std::chrono::steady_clock::now() + CardBench::kLong);
}

/// Takes a moment to say goodbye, as a TLS connection may.
class SlowToClose final : public api::HttpConnection {
 public:
  SlowToClose(std::shared_ptr<test::FakeServer> server, std::shared_ptr<std::atomic<bool>> closed)
      : server_{std::move(server)}, closed_{std::move(closed)} {}
  SlowToClose(const SlowToClose&) = delete;
  SlowToClose& operator=(const SlowToClose&) = delete;
  ~SlowToClose() override {
    constexpr int kMoment = 100;  // milliseconds
    ::poll(nullptr, 0, kMoment);
    *closed_ = true;
  }
  Result<api::HttpReply> send(const api::HttpRequest& request) override { return server_->send(request); }

 private:
  const std::shared_ptr<test::FakeServer> server_;
  const std::shared_ptr<std::atomic<bool>> closed_;
};

}  // namespace

TEST_CASE("[A1] insertion: a session at the server, a card in the reader, and nothing said yet") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  const auto status = card->wait_until_settled(CardBench::kLong);
  CHECK(status.phase == Phase::inserted);
  CHECK(status.detail.empty());
  CHECK(bench.server->opened() == 1);
  const auto atr = bench.reader->power_on(0, FrameType::power_on);
  REQUIRE(atr);
  CHECK(to_hex(*atr) == "3B8780014361726465613006");
  CHECK(bench.server->exchanges().empty());
}

TEST_CASE("[A1] a reset rides in front of the next command, once") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  REQUIRE(bench.reader->power_on(0, FrameType::power_on));
  CHECK(answered(bench));
  CHECK(answered(bench));
  REQUIRE(bench.reader->power_on(0, FrameType::reset));
  REQUIRE(bench.reader->power_on(0, FrameType::reset));
  CHECK(answered(bench));
  CHECK(bench.server->exchanges() == std::vector<Heard>{{"s1", {1, {reset(), select()}}},
                                                        {"s1", {2, {select()}}},
                                                        {"s1", {3, {reset(), select()}}}});
}

TEST_CASE("[A1] power off resets the card at once: what was verified does not wait for the next command") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  CHECK(answered(bench));
  REQUIRE(bench.reader->power_off(0));
  CHECK(bench.server->wait_for_exchanges(2).back() == Heard{"s1", {2, {reset()}}});
}

TEST_CASE("a reset at power off that may be lost is said again before anything else") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  CHECK(answered(bench));
  bench.server->next_exchanges({Mishap::not_reached, Mishap::reply_lost});
  REQUIRE(bench.reader->power_off(0));
  (void)bench.server->wait_for_exchanges(3);
  CHECK(answered(bench));
  const auto heard = bench.server->exchanges();
  REQUIRE(heard.size() == 5);
  for (const auto i : {1U, 2U, 3U})
    CHECK(heard[i] == Heard{"s1", {2, {reset()}}});
  CHECK(heard[4] == Heard{"s1", {3, {reset(), select()}}});
  CHECK(bench.server->runs() == 3);
}

TEST_CASE("[A1] a session that is gone takes the card out and a new one brings it back") {
  for (const auto mishap : {Mishap::session_gone, Mishap::unknown, Mishap::nonsense}) {
    CAPTURE(static_cast<int>(mishap));
    const CardBench bench;
    const auto card = bench.insert();
    bench.settle(true);
    CHECK(answered(bench));
    bench.server->next_exchanges({mishap});
    CHECK(!bench.reader->transmit(0, kSelect));
    bench.settle(false);
    bench.settle(true);
    CHECK(answered(bench));
    CHECK(bench.server->opened() == 2);
    CHECK(bench.server->exchanges().back() == Heard{"s2", {1, {reset(), select()}}});
  }
}

TEST_CASE("[A1] a server that is not there is asked again until it is") {
  const CardBench bench;
  bench.server->next_opens({Mishap::not_reached, Mishap::not_reached, Mishap::not_reached});
  const auto card = bench.insert();
  bench.settle(true);
  CHECK(card->wait_until_settled(CardBench::kLong).phase == Phase::inserted);
}

TEST_CASE("[A1] a server that goes away in between takes the card out until it is back") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  bench.server->next_exchanges({Mishap::not_reached, Mishap::not_reached});
  bench.server->next_opens({Mishap::not_reached});
  CHECK(!bench.reader->transmit(0, kSelect));
  bench.settle(false);
  bench.settle(true);
  CHECK(answered(bench));
  CHECK(bench.server->closed() == std::vector<std::string>{"s1"});  // not left to time out
}

TEST_CASE("an exchange whose reply is lost is sent again, with its number, and runs once") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  bench.server->next_exchanges({Mishap::reply_lost});
  CHECK(answered(bench));
  const auto heard = bench.server->exchanges();
  REQUIRE(heard.size() == 2);
  CHECK(heard[0] == heard[1]);
  CHECK(heard[0].exchange.sequence == 1);
  CHECK(bench.server->runs() == 1);
}

TEST_CASE("an exchange is sent twice at most") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  bench.server->next_exchanges({Mishap::reply_lost, Mishap::reply_lost});
  CHECK(!bench.reader->transmit(0, kSelect));
  CHECK(bench.server->exchanges().size() == 2);
  CHECK(bench.server->runs() == 1);
  bench.settle(false);
}

TEST_CASE("a card that the server refuses stays out, with the server's reason") {
  const CardBench bench;
  bench.server->next_opens({Mishap::forbidden});
  const auto card = bench.insert();
  const auto status = card->wait_until_settled(CardBench::kLong);
  CHECK(status.phase == Phase::refused);
  CHECK(status.detail == "the card is blocked");
  CHECK(over(*card));
  CHECK(!bench.reader->present(0));
  CHECK(bench.server->opened() == 0);
}

TEST_CASE("a card that is blocked while it is in the reader leaves it and stays out") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  bench.server->next_exchanges({Mishap::forbidden});
  bench.server->next_opens({Mishap::forbidden});
  CHECK(!bench.reader->transmit(0, kSelect));
  bench.settle(false);
  CHECK(over(*card));
  CHECK(card->status().phase == Phase::refused);
  CHECK(card->status().detail == "the card is blocked");
}

TEST_CASE("a card may have a label that is too long for the driver's log") {
  const CardBench bench;
  const auto card = bench.insert(std::string(300, 'x'));
  bench.settle(true);
}

TEST_CASE("[A1] ejection takes the card out and closes its session") {
  const CardBench bench;
  const auto card = bench.insert();
  bench.settle(true);
  card->eject();
  bench.settle(false);
  CHECK(over(*card));
  CHECK(card->status().phase == Phase::ejected);
  CHECK(bench.server->closed() == std::vector<std::string>{"s1"});
}

TEST_CASE("a card that is over has nothing any more that the end of the process could take from it") {
  const CardBench bench;
  const auto closed = std::make_shared<std::atomic<bool>>(false);
  const auto card = bench.insert("badge", std::make_unique<SlowToClose>(bench.server, closed));
  bench.settle(true);
  card->eject();
  REQUIRE(over(*card));
  CHECK(*closed);
  CHECK(bench.key.use_count() == 1);
}

TEST_CASE("[A1] ejection does not wait for a server that hangs, and neither does the application") {
  const CardBench bench;
  auto card = bench.insert();
  bench.settle(true);
  bench.server->next_exchanges({Mishap::hangs});
  Result<Bytes> answer;
  std::thread application{[&] { answer = bench.reader->transmit(0, kSelect); }};
  bench.server->wait_for_hanging(1);
  card->eject();  // while the request hangs: it is released further down
  application.join();
  CHECK(!answer);
  bench.settle(false);
  CHECK(!card->wait_until_over(std::chrono::steady_clock::now()));
  SUBCASE("its thread ends when the server lets go") {
    bench.server->release();
    CHECK(over(*card));
    CHECK(bench.server->closed() == std::vector<std::string>{"s1"});
    CHECK(bench.server->exchanges().size() == 1);  // and the command is not sent again
  }
  SUBCASE("or after the card is forgotten") {
    card.reset();
  }
}

TEST_CASE("[A1] a card waits for the reader, and comes back when pcscd does") {
  CardBench bench;
  bench.reader.reset();
  const auto card = bench.insert();
  bench.open_reader();
  bench.settle(true);
  CHECK(answered(bench));
  bench.reader.reset();
  bench.open_reader();
  bench.settle(true);
  CHECK(answered(bench));
  CHECK(bench.server->opened() == 1);  // the same session, reset
  CHECK(bench.server->exchanges().back() == Heard{"s1", {2, {reset(), select()}}});
}
