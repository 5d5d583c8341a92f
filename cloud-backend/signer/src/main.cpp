// cardea-signer: the only program that loads a PKCS#11 module. It is started by the server, with one end of a
// socket pair as descriptor 3, and does what it is asked there until the other end goes away.

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>

#include "cardea/signer/gate.h"
#include "cardea/signer/tenant_keys.h"
#include "cardea/signer/worker.h"
#include "cardea/vault/worker_protocol.h"
#include "openssl_memory.h"
#include "sandbox.h"
#include "token_copy.h"

namespace {

using cardea::Bytes;
using cardea::Errc;
using cardea::fail;
using cardea::Result;
using cardea::signer::Gate;
using cardea::signer::Module;
using cardea::signer::Session;
using cardea::signer::Worker;
namespace wire = cardea::vault::wire;

constexpr std::uint64_t kMemoryCheckInterval = 256;

std::string text(const cardea::SecretBytes& field) {
  const auto octets = field.expose();
  return {octets.begin(), octets.end()};
}

Result<wire::Request> next_request() {
  static std::array<std::uint8_t, wire::kMaxMessage> buffer;
  CARDEA_TRY(const auto message, wire::receive(wire::kDescriptor, buffer));
  auto request = wire::decode_request(message);
  cardea::wipe(std::span{buffer}.first(message.size()));
  return request;
}

Result<void> say(const wire::Reply& reply) {
  CARDEA_TRY(auto message, wire::encode(reply));
  const cardea::WipeOnExit wiping{message};
  return wire::send(wire::kDescriptor, message);
}

Result<void> refuse(cardea::Error error) {
  wire::Reply reply;
  reply.error = std::move(error);
  reply.leaving = true;
  return say(reply);
}

Result<Session> log_in(const wire::Request& hello) {
  if (hello.op != wire::Op::hello || hello.fields.size() != 4)
    return fail(Errc::invalid, "the first request must be hello");
  CARDEA_TRY(const auto module, Module::load(text(hello.fields[0])));
  CARDEA_TRY(const auto slot, module.find_token(text(hello.fields[1])));
  CARDEA_CHECK(module.require_mechanisms(slot));
  CARDEA_TRY(auto session, Session::open(module, slot, true));
  CARDEA_CHECK(session.login(CKU_USER, "user", hello.fields[2].expose()));
  if (!hello.fields[3].empty() && hello.fields[3].expose().front() == 1) {
    CARDEA_CHECK(cardea::signer::restrict_system_calls());
  }
  return session;
}

/// What makes or destroys token objects: other processes may not read the token meanwhile.
bool writes_to_the_token(wire::Op op) {
  return op == wire::Op::settle || op == wire::Op::destroy;
}

/// Until there is a request; kept keys that nobody uses go meanwhile.
void wait_while_idle(Worker& worker) {
  constexpr int kGlance = 10'000;  // milliseconds
  pollfd peer{wire::kDescriptor, POLLIN, 0};
  while (worker.kept() > 0 && ::poll(&peer, 1, kGlance) == 0)
    worker.expire(Worker::Clock::now());
}

/// What the request held is gone from memory before the reply says that the work is done.
Result<wire::Reply> serve_next(Worker& worker, const Gate& gate) {
  CARDEA_TRY(const auto request, next_request());
  if (writes_to_the_token(request.op)) {
    gate.enter_alone();
  } else {
    gate.enter();
  }
  auto reply = worker.answer(request);
  gate.leave();
  return reply;
}

Result<void> serve(const Session& session, const Gate& gate) {
  Worker worker{session};
  std::uint64_t resident = cardea::signer::resident_bytes();
  wire::Reply welcome;
  welcome.resident_bytes = resident;
  CARDEA_CHECK(say(welcome));
  for (std::uint64_t n = 1;; ++n) {
    wait_while_idle(worker);
    CARDEA_TRY(auto reply, serve_next(worker, gate));
    if (n % kMemoryCheckInterval == 0) resident = cardea::signer::resident_bytes();
    reply.resident_bytes = resident;
    CARDEA_CHECK(say(reply));
    if (reply.leaving) return {};
  }
}

bool one_shot(wire::Op op) {
  return op == wire::Op::init_token || op == wire::Op::make_tenant || op == wire::Op::set_pin;
}

// The copy of the token's file would bring the old PIN back.
Result<void> set_pin(const Module& module, const wire::Request& request) {
  CARDEA_TRY(const auto slot, module.find_token(text(request.fields[1])));
  const bool officer = text(request.fields[2]) == "so";
  CARDEA_CHECK(
      cardea::signer::set_pin(module, slot, officer, request.fields[3].expose(), request.fields[4].expose()));
  cardea::signer::copy_tokens(true);
  return {};
}

// The one-shot modes: they write to the token, so they run outside the workers.
Result<void> provision(const wire::Request& request) {
  if (request.fields.size() != (request.op == wire::Op::set_pin ? 5U : 4U)) {
    return fail(Errc::invalid, "the request lacks its input");
  }
  const auto& so_pin = request.fields[2];
  const auto& user_pin = request.fields[3];
  CARDEA_TRY(const auto module, Module::load(text(request.fields[0])));
  const auto label = text(request.fields[1]);
  if (request.op == wire::Op::set_pin) return set_pin(module, request);
  if (request.op == wire::Op::init_token) {
    return cardea::signer::init_token(module, label, so_pin.expose(), user_pin.expose());
  }
  CARDEA_TRY(const auto slot, module.find_token(label));
  return cardea::signer::make_tenant_keys(module, slot, request.tenant, request.kek_version, so_pin.expose(),
                                          user_pin.expose());
}

Result<void> run() {
  CARDEA_TRY(const auto first, next_request());
  const auto gate = Gate::of_environment();
  gate.enter_alone();
  cardea::signer::restore_tokens();
  if (one_shot(first.op)) {
    if (auto done = provision(first); !done) return refuse(std::move(done).error());
    return say(wire::Reply{});
  }
  auto session = log_in(first);
  if (!session) return refuse(std::move(session).error());
  cardea::signer::copy_tokens();
  gate.leave();
  return serve(*session, gate);
}

}  // namespace

int main() {
  cardea::signer::harden();
  struct stat info {};
  if (::fstat(wire::kDescriptor, &info) != 0 || !S_ISSOCK(info.st_mode)) {
    std::fputs("cardea-signer: this program is started by cardead; it has no other use\n", stderr);
    return 2;
  }
  if (!cardea::signer::wipe_what_openssl_gives_back()) {
    std::fputs("cardea-signer: OpenSSL was in use before its memory could be wiped\n", stderr);
    return 1;
  }
  int status = 1;
  try {
    if (run()) status = 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cardea-signer: %s\n", e.what());
  }
  // Not exit(): the module's exit handlers would run with the filter on, and have nothing to save.
  ::_exit(status);
}
