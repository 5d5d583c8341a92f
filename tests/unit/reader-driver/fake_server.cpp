#include "fake_server.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"

namespace cardea::test {

namespace {

using api::HttpReply;

constexpr std::string_view kSessions = "/v1/card-sessions";
constexpr std::string_view kAtr =
    "3B878001436172646561"
    "3006";
constexpr std::chrono::seconds kLong{20};

HttpReply problem(int status, const std::string& detail) {
  return {status, "application/problem+json", R"({"detail":")" + detail + R"("})"};
}

}  // namespace

void FakeServer::next_opens(std::vector<Mishap> mishaps) {
  const Lock lock{mutex_};
  opens_.assign(mishaps.begin(), mishaps.end());
}

void FakeServer::next_exchanges(std::vector<Mishap> mishaps) {
  const Lock lock{mutex_};
  exchange_mishaps_.assign(mishaps.begin(), mishaps.end());
}

void FakeServer::next_lists(std::vector<Mishap> mishaps) {
  const Lock lock{mutex_};
  lists_.assign(mishaps.begin(), mishaps.end());
}

void FakeServer::set_cards(std::string json) {
  const Lock lock{mutex_};
  cards_ = std::move(json);
}

std::vector<FakeServer::Heard> FakeServer::wait_for_exchanges(std::size_t count) {
  Lock lock{mutex_};
  REQUIRE(changed_.wait_for(lock, kLong, [&] { return exchanges_.size() >= count; }));
  return exchanges_;
}

std::vector<FakeServer::Heard> FakeServer::exchanges() const {
  const Lock lock{mutex_};
  return exchanges_;
}

void FakeServer::wait_for_hanging(std::size_t count) {
  Lock lock{mutex_};
  REQUIRE(changed_.wait_for(lock, kLong, [&] { return hanging_ >= count; }));
}

void FakeServer::release() {
  {
    const Lock lock{mutex_};
    released_ = true;
  }
  changed_.notify_all();
}

unsigned FakeServer::opened() const {
  const Lock lock{mutex_};
  return opened_;
}

std::vector<std::string> FakeServer::closed() const {
  const Lock lock{mutex_};
  return closed_;
}

std::size_t FakeServer::runs() const {
  const Lock lock{mutex_};
  return replies_.size();
}

FakeServer::Mishap FakeServer::take(Queue& queue) {
  if (queue.empty()) return Mishap::none;
  const auto out = queue.front();
  queue.pop_front();
  return out;
}

Result<HttpReply> FakeServer::hang(Lock& lock) {
  ++hanging_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return released_; });
  return fail(Errc::unavailable, "timed out");
}

Result<HttpReply> FakeServer::send(const api::HttpRequest& request) {
  if (request.path == "/v1/token") {
    return HttpReply{200, "application/json", R"({"access_token":"T","token_type":"DPoP","expires_in":600})"};
  }
  if (request.path == "/v1/cards") {
    Lock lock{mutex_};
    const auto mishap = take(lists_);
    if (mishap == Mishap::not_reached) return fail(Errc::unavailable, "connection refused");
    if (mishap == Mishap::hangs) return hang(lock);
    return HttpReply{200, "application/json", cards_};
  }
  if (request.path == kSessions) return open();
  auto session = request.path.substr(kSessions.size() + 1);
  if (request.method == "DELETE") {
    const Lock lock{mutex_};
    closed_.push_back(session);
    return HttpReply{204, "", ""};
  }
  session.resize(session.find('/'));
  return exchange(session, request.body);
}

Result<HttpReply> FakeServer::open() {
  Lock lock{mutex_};
  switch (take(opens_)) {
    case Mishap::not_reached:
      return fail(Errc::unavailable, "connection refused");
    case Mishap::forbidden:
      return problem(403, "the card is blocked");
    case Mishap::unknown:
      return problem(404, "there is no such card");
    case Mishap::hangs:
      return hang(lock);
    default:
      break;
  }
  ++opened_;
  return HttpReply{201, "application/json",
                   R"({"id":"s)" + std::to_string(opened_) +
                       R"(","token":"t","card":"c","label":"L","atr":")" + std::string{kAtr} + R"("})"};
}

Result<HttpReply> FakeServer::exchange(const std::string& session, const std::string& body) {
  auto parsed = api::parse_exchange(as_bytes(body));
  if (!parsed) return problem(400, "not an exchange");
  Lock lock{mutex_};
  const auto mishap = take(exchange_mishaps_);
  exchanges_.push_back({session, *parsed});
  changed_.notify_all();
  switch (mishap) {
    case Mishap::not_reached:
      return fail(Errc::unavailable, "connection refused");
    case Mishap::session_gone:
      return problem(410, "the session is over");
    case Mishap::unknown:
      return problem(404, "there is no such session");
    case Mishap::forbidden:
      return problem(403, "the card is blocked");
    case Mishap::nonsense:
      return HttpReply{200, api::kExchangeMediaType, "nonsense"};
    case Mishap::hangs:
      return hang(lock);
    default:
      break;
  }
  auto& kept = replies_[{session, parsed->sequence}];
  if (kept.empty()) {
    api::ExchangeReply reply{parsed->sequence, {}};
    for (const auto& step : parsed->steps) {
      const bool command = !std::holds_alternative<api::ResetStep>(step);
      reply.results.push_back({command ? Bytes{0x90, 0x00} : Bytes{}, false, {}});
    }
    const auto octets = api::encode(reply);
    kept.assign(octets.begin(), octets.end());
  }
  if (mishap == Mishap::reply_lost) return fail(Errc::unavailable, "broken off");
  return HttpReply{200, api::kExchangeMediaType, kept};
}

}  // namespace cardea::test
