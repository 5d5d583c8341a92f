#include "agent.h"

#include <doctest/doctest.h>

#include <thread>

#include "card_bench.h"

using namespace cardea;
using agent::Phase;
using test::CardBench;
using Mishap = test::FakeServer::Mishap;

namespace {

struct AgentBench : CardBench {
  AgentBench() {
    server->set_cards(
        R"({"cards":[{"id":"c1","label":"badge"},{"id":"c2","label":"twin"},{"id":"c3","label":"twin"}]})");
    agent::State::Device device;
    device.server = *agent::parse_server_url("https://cards.example");
    device.key = api::generate_signing_key();
    daemon = std::make_unique<agent::Agent>(std::move(device),
                                            agent::Agent::Readers{agent::make_driver_port(socket())},
                                            std::make_unique<test::FakeConnector>(server));
  }
  std::unique_ptr<agent::Agent> daemon;
};

}  // namespace

TEST_CASE("agent: cards are inserted by id or label, and stay as they are when asked for again") {
  const AgentBench bench;
  auto status = bench.daemon->insert("badge");
  REQUIRE(status);
  CHECK(status->phase == Phase::inserted);
  CHECK(status->card.id == "c1");
  bench.settle(true);
  status = bench.daemon->insert("c1");
  REQUIRE(status);
  CHECK(status->phase == Phase::inserted);
  CHECK(bench.server->opened() == 1);
  CHECK(bench.daemon->status().size() == 1);
}

TEST_CASE("agent: a name that fits no card, or several") {
  const AgentBench bench;
  auto status = bench.daemon->insert("pass");
  REQUIRE(!status);
  CHECK(status.error() == Error{Errc::not_found, "pass: no such card for this workstation"});
  status = bench.daemon->insert("twin");
  REQUIRE(!status);
  CHECK(status.error() == Error{Errc::conflict, "twin: several cards have this label; name one by its id"});
  CHECK(bench.daemon->status().empty());
}

TEST_CASE("agent: all cards are a holder's own, and on a registrar's workstation those of nobody") {
  const auto all = [](const char* state, const char* holder, const char* as) {
    return agent::among_all({"c", "badge", "piv-nist", state, holder, as});
  };
  for (const auto* as : {"user", "registrar", ""}) {
    CHECK_FALSE(all("blank", "", as));
    CHECK_FALSE(all("issuing", "", as));
    CHECK(all("active", "", as));
  }
  for (const auto* as : {"user", ""}) {
    CHECK(all("active", "Ada Example", as));
    CHECK(all("issued", "Ada Example", as));
  }
  CHECK_FALSE(all("active", "Ada Example", "registrar"));
  CHECK_FALSE(all("blocked", "Ada Example", "registrar"));
  CHECK_FALSE(all("issued", "Ada Example", "registrar"));
  CHECK_FALSE(all("issued", "", "registrar"));
}

TEST_CASE("agent: a refused card is reported with the server's reason and forgotten") {
  const AgentBench bench;
  bench.server->next_opens({Mishap::forbidden});
  const auto status = bench.daemon->insert("badge");
  REQUIRE(!status);
  CHECK(status.error() == Error{Errc::denied, "the card is blocked"});
  CHECK(bench.daemon->status().empty());
  CHECK(bench.daemon->insert("badge"));
}

TEST_CASE("agent: ejecting") {
  const AgentBench bench;
  const auto unknown = bench.daemon->eject("badge");
  REQUIRE(!unknown);
  CHECK(unknown.error() == Error{Errc::not_found, "badge: no such card is inserted"});
  REQUIRE(bench.daemon->insert("badge"));
  bench.settle(true);
  CHECK(bench.daemon->eject("badge"));
  bench.settle(false);
  CHECK(bench.daemon->status().empty());
  CHECK(bench.server->closed() == std::vector<std::string>{"s1"});
}

TEST_CASE("agent: stopping takes all cards out and lets none in") {
  const AgentBench bench;
  REQUIRE(bench.daemon->insert("badge"));
  bench.settle(true);
  CHECK(!bench.daemon->stopped_within(std::chrono::milliseconds{0}));
  CHECK(bench.daemon->stop());
  bench.settle(false);
  CHECK(bench.daemon->stopped_within(CardBench::kLong));
  const auto status = bench.daemon->insert("badge");
  REQUIRE(!status);
  CHECK(status.error() == Error{Errc::unavailable, "the agent is stopping"});
}

TEST_CASE("agent: neither ejecting nor stopping waits for a server that hangs") {
  const AgentBench bench;
  REQUIRE(bench.daemon->insert("badge"));
  bench.settle(true);
  bench.server->next_exchanges({Mishap::hangs});
  std::thread application{[&] { (void)bench.reader->transmit(0, Bytes{0x00, 0xA4, 0x04, 0x00}); }};
  bench.server->wait_for_hanging(1);
  SUBCASE("ejecting") {
    CHECK(bench.daemon->eject("badge"));
  }
  SUBCASE("stopping") {
    CHECK(!bench.daemon->stop());
  }
  application.join();
  bench.settle(false);
}

TEST_CASE("agent: stopping knows of a card that was ejected before and is not over yet") {
  const AgentBench bench;
  REQUIRE(bench.daemon->insert("badge"));
  bench.settle(true);
  bench.server->next_exchanges({Mishap::hangs});
  std::thread application{[&] { (void)bench.reader->transmit(0, Bytes{0x00, 0xA4, 0x04, 0x00}); }};
  bench.server->wait_for_hanging(1);
  CHECK(bench.daemon->eject("badge"));
  application.join();
  CHECK(!bench.daemon->stop());
  bench.server->release();
  CHECK(bench.daemon->stop());
}

TEST_CASE("agent: a card can be ejected while its insertion is still waited for") {
  const AgentBench bench;
  bench.server->next_opens({Mishap::hangs});
  Result<agent::InsertedCard::Status> status = fail(Errc::invalid, "");
  std::thread inserter{[&] { status = bench.daemon->insert("badge"); }};
  bench.server->wait_for_hanging(1);
  CHECK(bench.daemon->eject("badge"));
  inserter.join();
  REQUIRE(status);
  CHECK(status->phase == Phase::ejected);
}
