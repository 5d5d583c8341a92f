// C2SP tlog-witness, the log's side.

#include "cardea/service/remote_witness.h"

#include <doctest/doctest.h>

#include <functional>

#include "../witness/fixture.h"

using namespace cardea;
using cardea::service::RemoteWitness;
using cardea::witness::test::Log;
using cardea::witness::test::Witness;

namespace {

using Reply = std::function<Result<api::HttpReply>(const api::HttpRequest&)>;

class Wire final : public api::HttpConnection {
 public:
  explicit Wire(Reply reply) : reply_{std::move(reply)} {}
  Result<api::HttpReply> send(const api::HttpRequest& request) override { return reply_(request); }

 private:
  Reply reply_;
};

RemoteWitness connected(const audit::CosignerKey& key, Reply reply) {
  return RemoteWitness{std::make_unique<Wire>(std::move(reply)), {{}, "/prefix", key}};
}

/// To a real one, in this process.
Reply to(witness::Cosigner& cosigner) {
  return [&cosigner](const api::HttpRequest& request) -> Result<api::HttpReply> {
    CHECK(request.method == "POST");
    CHECK(request.path == "/prefix/add-checkpoint");
    auto answer = cosigner.add_checkpoint(request.body);
    return api::HttpReply{answer.status, std::string{answer.content_type}, std::move(answer.body)};
  };
}

Reply always(int status, std::string type, std::string body) {
  return [=](const api::HttpRequest&) -> Result<api::HttpReply> {
    return api::HttpReply{status, type, body};
  };
}

}  // namespace

TEST_CASE("[B8] a log shows its checkpoints to a witness, and learns what that has seen") {
  Log log;
  Witness machine{log};
  auto cosigner = machine.open();
  auto remote = connected(machine.key(), to(cosigner));
  log.grow_to(5);
  const auto first = remote.add(0, {}, log.note()).value();
  REQUIRE(std::holds_alternative<RemoteWitness::Cosigned>(first));
  CHECK(std::get<RemoteWitness::Cosigned>(first).time == machine.time);
  const Log yesterday = log;
  log.grow_to(9);
  CHECK(std::get<RemoteWitness::Seen>(remote.add(0, {}, log.note()).value()).size == 5);
  const auto second = remote.add(5, log.since(5), log.note()).value();
  CHECK(audit::open_cosignature(log.note() + std::get<RemoteWitness::Cosigned>(second).line, machine.key()));
  // Put back.
  CHECK(std::get<RemoteWitness::Seen>(remote.add(5, {}, yesterday.note()).value()).size == 9);
  Log other = yesterday;
  other.grow("another history");
  other.grow_to(12);
  CHECK(std::holds_alternative<RemoteWitness::Inconsistent>(
      remote.add(9, other.since(9), other.note()).value()));
}

TEST_CASE("[B8] a witness that does not know the log, or its key, says so") {
  Log log;
  Witness machine{log};
  auto cosigner = machine.open();
  auto remote = connected(machine.key(), to(cosigner));
  Log stranger{"cardea.example/other"};
  stranger.grow_to(1);
  CHECK(remote.add(0, {}, stranger.note()).error().code == Errc::denied);
  Log impostor;
  impostor.grow_to(1);
  CHECK(remote.add(0, {}, impostor.note()).error().code == Errc::denied);
}

TEST_CASE("[B8] only the cosignature of the key that was named counts") {
  Log log;
  Witness machine{log};
  const Witness other{log};
  auto cosigner = machine.open();
  log.grow_to(2);
  auto remote = connected(other.key(), to(cosigner));
  CHECK(remote.add(0, {}, log.note()).error().what ==
        "its answer is not signed with the key of witness.example/1");
  // Among lines of others it is found, and taken alone.
  auto known = connected(machine.key(), [&](const api::HttpRequest& request) -> Result<api::HttpReply> {
    auto answer = cosigner.add_checkpoint(request.body);
    return api::HttpReply{200, "text/plain", "\xE2\x80\x94 nobody AAAAAAA=\n" + answer.body};
  });
  const auto line = std::get<RemoteWitness::Cosigned>(known.add(2, {}, log.note()).value()).line;
  CHECK(line.starts_with("\xE2\x80\x94 witness.example/1 "));
  // For another checkpoint it is none.
  Log longer = log;
  longer.grow("more");
  auto replaying = connected(machine.key(), always(200, "text/plain", line));
  CHECK(replaying.add(2, longer.since(2), longer.note()).error().code == Errc::corrupt);
}

TEST_CASE("[B8] what is no answer of a witness is none") {
  Log log;
  const Witness machine{log};
  log.grow_to(1);
  const auto code = [&](int status, const char* type, const char* body) {
    return connected(machine.key(), always(status, type, body)).add(0, {}, log.note()).error().code;
  };
  CHECK(code(200, "text/plain", "") == Errc::corrupt);
  CHECK(code(409, "text/plain", "5\n") == Errc::corrupt);
  for (const auto* body : {"", "5", "-5\n", "05\n", "5\n\n", "18446744073709551616\n"})
    CHECK(code(409, "text/x.tlog.size", body) == Errc::corrupt);
  CHECK(code(500, "text/plain", "") == Errc::unavailable);
  CHECK(code(302, "text/plain", "") == Errc::unavailable);
  const auto away = connected(machine.key(), [](const api::HttpRequest&) -> Result<api::HttpReply> {
                      return fail(Errc::unavailable, "refused");
                    }).add(0, {}, log.note());
  CHECK(away.error().what == "refused");
}
