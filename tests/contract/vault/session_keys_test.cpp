// Keys that may stay unwrapped for the time of a session, over SoftHSM and without an HSM.

#include <doctest/doctest.h>

#include <cstdlib>

#include "cardea/signer/software.h"
#include "cardea/signer/worker.h"
#include "token_bench.h"

namespace cardea::test {

namespace {

const Bytes kDigest(32, 0x42);

/// A worker in this process over a software token with the keys of "acme".
class Inside {
 public:
  Inside() {
    auto token = vault::init_software(scratch_.path()).value();
    auto module = signer::Module::load(token.module).value();
    const auto slot = module.find_token("cardea").value();
    REQUIRE(
        signer::make_tenant_keys(module, slot, "acme", 1, token.root_key.expose(), token.root_key.expose())
            .has_value());
    session_.emplace(signer::Session::open(module, slot, true).value());
    REQUIRE(session_->login(CKU_USER, "user", token.root_key.expose()).has_value());
    worker_.emplace(*session_);
  }

  signer::Worker& worker() { return *worker_; }

  vault::wire::Request make_key(const std::string& card) {
    vault::wire::Request request;
    request.op = vault::wire::Op::generate;
    request.tenant = "acme";
    request.card = card;
    request.slot = {0x9A, 1};
    request.kek_version = 1;
    request.algorithm = card::Algorithm::p256;
    const auto made = worker_->answer(request);
    REQUIRE_FALSE(made.error);
    request.op = vault::wire::Op::ecdsa_sign;
    request.public_key = made.public_key;
    request.sealed = made.sealed;
    request.fields.emplace_back(BytesView{kDigest});
    request.keep = true;
    return request;
  }

 private:
  ScratchDirectory scratch_;
  std::optional<signer::Session> session_;
  std::optional<signer::Worker> worker_;
};

}  // namespace

TEST_CASE("kept keys: bounded, destroyed on logout, after idling, and when a result is wrong [B9]") {
  Inside inside;
  auto& worker = inside.worker();
  const auto first = inside.make_key("card-1");
  CHECK(worker.kept() == 0);  // the trial of a new key keeps nothing
  CHECK_FALSE(worker.answer(first).error);
  CHECK_FALSE(worker.answer(first).error);
  CHECK(worker.kept() == 1);
  const auto second = inside.make_key("card-2");
  CHECK_FALSE(worker.answer(second).error);
  CHECK(worker.kept() == 2);

  SUBCASE("forget") {
    vault::wire::Request forget;
    forget.op = vault::wire::Op::forget;
    forget.tenant = "acme";
    forget.card = "card-1";
    CHECK_FALSE(worker.answer(forget).error);
    CHECK(worker.kept() == 1);
    CHECK_FALSE(worker.answer(first).error);
    CHECK(worker.kept() == 2);
  }
  SUBCASE("idle") {
    worker.expire(signer::Worker::Clock::now() + signer::Worker::kIdle - std::chrono::minutes{1});
    CHECK(worker.kept() == 2);
    worker.expire(signer::Worker::Clock::now() + signer::Worker::kIdle);
    CHECK(worker.kept() == 0);
  }
  SUBCASE("bounded: the one that was used last goes last") {
    for (std::size_t i = 0; i < signer::Worker::kMaxKept + 10; ++i) {
      CHECK_FALSE(worker.answer(inside.make_key("other-" + std::to_string(i))).error);
      CHECK_FALSE(worker.answer(first).error);
    }
    CHECK(worker.kept() == signer::Worker::kMaxKept);
  }
  SUBCASE("the checks of the handle hold for kept keys too") {
    auto moved = inside.make_key("card-1");
    CHECK_FALSE(worker.answer(moved).error);
    moved.card = "card-2";
    CHECK(worker.answer(moved).error->code == Errc::corrupt);
  }
  vault::wire::Request status;
  status.op = vault::wire::Op::status;
  CHECK(worker.answer(status).session_objects == 0);  // kept ones are not left over
}

TEST_CASE(
    "kept keys: the one that encrypts is not the one that decrypts, and master keys are not kept [B9]") {
  Inside inside;
  auto& worker = inside.worker();
  vault::wire::Request import;
  import.op = vault::wire::Op::import_symmetric;
  import.tenant = "acme";
  import.card = "card-1";
  import.slot = {0xA0, 1};
  import.algorithm = card::Algorithm::aes128;
  import.fields.emplace_back(BytesView{Bytes(16, 0x5A)});
  const auto sealed = worker.answer(import).sealed;
  const auto use = [&](vault::wire::Op op, const std::string& card, const Bytes& handle, const Bytes& block) {
    vault::wire::Request request;
    request.op = op;
    request.tenant = "acme";
    request.card = card;
    request.slot = {0xA0, 1};
    request.algorithm = card::Algorithm::aes128;
    request.sealed = handle;
    request.keep = true;
    request.fields.emplace_back(BytesView{block});
    return worker.answer(request);
  };
  const Bytes block(16, 0x11);
  for (int round = 0; round < 2; ++round) {
    const auto there = use(vault::wire::Op::encrypt_block, "card-1", sealed, block);
    REQUIRE_FALSE(there.error);
    const auto back = use(vault::wire::Op::decrypt_block, "card-1", sealed, to_bytes(there.output.expose()));
    REQUIRE_FALSE(back.error);
    CHECK(to_bytes(back.output.expose()) == block);
    CHECK(worker.kept() == 2);
  }
  import.card = vault::kMasterCard;
  const auto master = worker.answer(import).sealed;
  CHECK(use(vault::wire::Op::encrypt_block, vault::kMasterCard, master, block).error->code == Errc::denied);
  CHECK(use(vault::wire::Op::decrypt_block, vault::kMasterCard, master, block).error->code == Errc::denied);
  CHECK(worker.kept() == 2);
}

TEST_CASE("session keys: the same results, and nothing stays behind the session [B9]") {
  auto options = shared_token().options();
  options.session_organisations = {"acme"};
  const auto vault = vault::Vault::open(std::move(options)).value();
  auto keys = vault->keys_of("acme", "card-1");
  const auto key = keys->generate({0x9A, 1}, card::Algorithm::p256).value();
  const auto rsa = keys->generate({0x9C, 1}, card::Algorithm::rsa2048).value();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      CHECK(ecdsa_verify(key.public_key, kDigest, keys->ecdsa_sign(key, kDigest).value()));
      CHECK(keys->ecdh(key, key.public_key.point).has_value());
      CHECK(keys->rsa_private(rsa, Bytes(256, 0x11)).has_value());
    }
    keys->end_session();
    CHECK(vault->check().has_value());
  }
  keys.reset();
  CHECK(vault->check().has_value());
}

}  // namespace cardea::test
