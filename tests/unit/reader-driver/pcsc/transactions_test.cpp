#include "manager_bench.h"

#include <future>
#include <thread>
#include <vector>

namespace cardea::test {

TEST_CASE("Transactions nest, belong to a connection, and end once [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto mine = bench.connect(*context);
  const auto other = bench.connect(*context);
  ReaderRecord record;
  Bytes answer;
  CHECK(context->end(mine, disposition::kLeave) == code::kNotTransacted);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(context->end(other, disposition::kLeave) == code::kSharingViolation);
  CHECK(context->end(other, disposition::kReset) == code::kSharingViolation);
  CHECK(context->status(other, false, record) == code::kSharingViolation);
  CHECK(context->control(other, kGetFeatureRequest, {}, answer) == code::kSharingViolation);
  CHECK(context->would_wait(other));
  CHECK_FALSE(context->would_wait(mine));
  CHECK(context->would_wait(kFirst));
  CHECK(context->end(mine, 4) == code::kInvalidValue);
  CHECK(context->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(context->end(mine, disposition::kLeave) == code::kNotTransacted);
  CHECK_FALSE(context->would_wait(other));
  CHECK(context->control(other, kGetFeatureRequest, {}, answer) == code::kSuccess);
  CHECK(context->control(other, 1, {}, answer) == code::kUnsupportedFeature);
}

TEST_CASE("Ending a transaction with a reset tells everybody, oneself included [A2]") {
  const Bench bench;
  const auto context = bench.context();
  const auto mine = bench.connect(*context);
  CHECK(context->begin(mine) == code::kSuccess);
  CHECK(context->end(mine, disposition::kReset) == code::kSuccess);
  CHECK(bench.card->diary() == "reset");
  CHECK(Bench::transmit(*context, mine) == code::kResetCard);
}

TEST_CASE("Who waits for a transaction gets it in order [A2]") {
  const auto hub = std::make_shared<resource::Hub>(resource::Options{});
  (void)hub->insert(std::make_shared<FakeCard>());
  const auto connected = [&] {
    auto context = std::make_unique<resource::HubContext>(hub);
    Connected out;
    REQUIRE(context->connect(kFirst, share::kShared, kEither, out) == code::kSuccess);
    return std::pair{std::move(context), out.card};
  };
  const auto in_line = [&] {
    const resource::Hub::Lock lock{hub->mutex};
    return hub->readers[0]->queue.size();
  };
  std::vector<std::pair<std::unique_ptr<resource::HubContext>, CardId>> others;
  for (int i = 0; i < 5; ++i)
    others.push_back(connected());
  const auto [owner, mine] = connected();
  REQUIRE(owner->begin(mine) == code::kSuccess);
  std::vector<std::size_t> order;  // guarded by the transaction
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < others.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto& [context, card] = others[i];
      CHECK(context->begin(card) == code::kSuccess);
      order.push_back(i);
      CHECK(context->end(card, disposition::kLeave) == code::kSuccess);
    });
    while (in_line() <= i)
      std::this_thread::yield();
  }
  REQUIRE(owner->end(mine, disposition::kLeave) == code::kSuccess);
  for (auto& thread : threads)
    thread.join();
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("A transaction keeps every other program's commands out [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto outcome = std::async(std::launch::async, [&] { return Bench::transmit(*other, theirs); });
  for (int i = 0; i < 100; ++i)
    CHECK(Bench::transmit(*owner, mine) == code::kSuccess);
  CHECK(outcome.wait_for(std::chrono::milliseconds{20}) == std::future_status::timeout);
  REQUIRE(owner->end(mine, disposition::kLeave) == code::kSuccess);
  CHECK(outcome.get() == code::kSuccess);
}

TEST_CASE("Whoever waits hears of a removal at once [A2]") {
  const Bench bench;
  const auto owner = bench.context();
  const auto other = bench.context();
  const auto mine = bench.connect(*owner);
  const auto theirs = bench.connect(*other);
  REQUIRE(owner->begin(mine) == code::kSuccess);
  auto outcome = std::async(std::launch::async, [&] { return other->begin(theirs); });
  bench.manager->remove(bench.card);
  CHECK(outcome.get() == code::kRemovedCard);
  // The transaction went with the card.
  (void)bench.manager->insert(bench.card);
  CHECK(Bench::reconnect(*other, theirs) == code::kSuccess);
  CHECK(other->begin(theirs) == code::kSuccess);
}

TEST_CASE("A context that ends in a transaction resets the card, others leave it alone [A2]") {
  const Bench bench;
  const auto survivor = bench.context();
  const auto theirs = bench.connect(*survivor);
  {
    const auto quiet = bench.context();
    (void)bench.connect(*quiet);
  }
  CHECK(bench.card->diary().empty());
  {
    const auto dying = bench.context();
    const auto mine = bench.connect(*dying);
    REQUIRE(dying->begin(mine) == code::kSuccess);
  }
  CHECK(bench.card->diary() == "reset");
  CHECK(Bench::record(*survivor).sharing == 1);
  CHECK(Bench::transmit(*survivor, theirs) == code::kResetCard);
  CHECK(Bench::reconnect(*survivor, theirs) == code::kSuccess);
  CHECK(survivor->begin(theirs) == code::kSuccess);
}

TEST_CASE("One command at a time, whoever sends it [A2]") {
  const Bench bench;
  const auto one = bench.context();
  const auto two = bench.context();
  const auto first = bench.connect(*one);
  const auto second = bench.connect(*two);
  bench.card->hold();
  auto a = std::async(std::launch::async, [&] { return Bench::transmit(*one, first); });
  bench.card->wait_for_command();
  auto b = std::async(std::launch::async, [&] { return Bench::transmit(*two, second); });
  CHECK(b.wait_for(std::chrono::milliseconds{20}) == std::future_status::timeout);
  CHECK(bench.card->diary() == "00A40400");
  bench.card->let_go();
  CHECK(a.get() == code::kSuccess);
  CHECK(b.get() == code::kSuccess);
}

TEST_CASE("Many programs at once: every transaction is whole [A2]") {
  const Bench bench;
  constexpr int kPrograms = 6;
  constexpr int kRounds = 60;
  int inside = 0;
  int most = 0;
  std::vector<std::thread> programs;
  for (int i = 0; i < kPrograms; ++i) {
    programs.emplace_back([&] {
      const auto context = bench.context();
      const auto card = bench.connect(*context);
      for (int round = 0; round < kRounds; ++round) {
        REQUIRE(context->begin(card) == code::kSuccess);
        most = std::max(most, ++inside);  // guarded by the transaction, or the test fails
        CHECK(Bench::transmit(*context, card) == code::kSuccess);
        --inside;
        REQUIRE(context->end(card, disposition::kLeave) == code::kSuccess);
      }
    });
  }
  for (auto& program : programs)
    program.join();
  CHECK(most == 1);
}

}  // namespace cardea::test
