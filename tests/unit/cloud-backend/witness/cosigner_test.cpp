// C2SP tlog-witness, the server's side.

#include "cardea/witness/cosigner.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "cardea/witness/request.h"
#include "fixture.h"

using namespace cardea;
using namespace cardea::witness;
using cardea::witness::test::Log;
using cardea::witness::test::Witness;

namespace {

constexpr std::string_view kSizeType = "text/x.tlog.size";

}  // namespace

TEST_CASE("[B8] a witness cosigns what continues the log, and remembers it across its own restarts") {
  Log log;
  Witness witness{log};
  log.grow_to(3);
  {
    auto cosigner = witness.open();
    const auto answer = cosigner.add_checkpoint(log.request(0));
    REQUIRE(answer.status == 200);
    CHECK(audit::open_cosignature(log.note() + answer.body, witness.key()).value() == 1'700'000'000);
    CHECK(answer.body.starts_with("\xE2\x80\x94 witness.example/1 "));
    CHECK(answer.body.ends_with("\n"));
  }
  for (const std::uint64_t size : {4U, 7U, 64U, 200U}) {
    const auto old = log.tree.size();
    log.grow_to(size);
    auto cosigner = witness.open();
    witness.time += 60;
    const auto answer = cosigner.add_checkpoint(log.request(old));
    REQUIRE(answer.status == 200);
    CHECK(audit::open_cosignature(log.note() + answer.body, witness.key()).value() == witness.time);
  }
  auto cosigner = witness.open();
  // The same once more: a later cosignature of the same.
  witness.time += 60;
  const auto again = cosigner.add_checkpoint(log.request(200));
  CHECK(again.status == 200);
  CHECK(audit::open_cosignature(log.note() + again.body, witness.key()).value() == witness.time);
  CHECK(witness.lines.empty());
}

TEST_CASE("[B8] a witness that is told another size says its own") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(5);
  const auto early = cosigner.add_checkpoint(log.request(4));
  CHECK(early.status == 409);
  CHECK(early.content_type == kSizeType);
  CHECK(early.body == "0\n");
  REQUIRE(cosigner.add_checkpoint(log.request(0)).status == 200);
  log.grow_to(9);
  for (const std::uint64_t old : {0U, 4U, 6U, 9U}) {
    const auto answer = cosigner.add_checkpoint(log.request(old));
    CHECK(answer.status == 409);
    CHECK(answer.content_type == kSizeType);
    CHECK(answer.body == "5\n");
  }
  CHECK(cosigner.add_checkpoint(log.request(5)).status == 200);
}

TEST_CASE("[B8] a witness never cosigns a shorter log, nor another history") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  Log old = log;  // as somebody put it back, signed with the same key
  old.grow_to(4);
  log.grow_to(6);
  REQUIRE(cosigner.add_checkpoint(log.request(0)).status == 200);

  CHECK(cosigner.add_checkpoint(old.request(4)).body == "6\n");
  CHECK(cosigner.add_checkpoint(old.request(0)).body == "6\n");
  CHECK(cosigner.add_checkpoint(old.request(6, {})).status == 400);
  old.grow("something else");
  old.grow_to(6);
  const auto same_size = cosigner.add_checkpoint(old.request(6));
  CHECK(same_size.status == 409);
  CHECK(same_size.content_type == kSizeType);
  CHECK(same_size.body == "6\n");
  old.grow_to(8);
  CHECK(cosigner.add_checkpoint(old.request(6)).status == 422);
  CHECK(witness.lines.size() == 2);
  CHECK(witness.lines[1].find("refused cardea.example/changes with 8 leaves, root ") == 0);
  log.grow_to(8);
  CHECK(cosigner.add_checkpoint(log.request(6)).status == 200);
}

TEST_CASE("[B8] a proof is taken only when it is exactly right") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(1);
  CHECK(cosigner.add_checkpoint(log.request(0, {audit::Hash{}})).status == 422);
  REQUIRE(cosigner.add_checkpoint(log.request(0)).status == 200);
  CHECK(cosigner.add_checkpoint(log.request(1, {audit::Hash{}})).status == 422);
  log.grow_to(11);
  const auto right = log.since(1);
  auto proof = right;
  proof.pop_back();
  CHECK(cosigner.add_checkpoint(log.request(1, proof)).status == 422);
  proof = right;
  proof.push_back(audit::Hash{});
  CHECK(cosigner.add_checkpoint(log.request(1, proof)).status == 422);
  for (auto& hash : proof = right) {
    hash[5] ^= 1;
    CHECK(cosigner.add_checkpoint(log.request(1, proof)).status == 422);
    hash[5] ^= 1;
  }
  CHECK(cosigner.add_checkpoint(log.request(1, {})).status == 422);
  CHECK(cosigner.add_checkpoint(log.request(1, right)).status == 200);
}

TEST_CASE("[B8] unknown logs are not found, and what a known one has not signed is forbidden") {
  Log log;
  Log stranger{"cardea.example/other"};
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(2);
  stranger.grow_to(2);
  CHECK(cosigner.add_checkpoint(stranger.request(0)).status == 404);
  const Log impostor{log.origin};
  CHECK(cosigner.add_checkpoint("old 0\n\n" + impostor.note()).status == 403);
  CHECK(cosigner.add_checkpoint("old 0\n\n" + log.text() + "\n").status == 403);
  // Signatures of others are passed over.
  const auto other = stranger.key_pair->note(log.text());
  const auto line = other.substr(other.rfind("\n\n") + 2);
  CHECK(cosigner.add_checkpoint(log.request(0) + line).status == 200);
  // A log that is added later needs no restart.
  REQUIRE(State::open(witness.dir.path).value().trust(stranger.origin, stranger.key()));
  CHECK(cosigner.add_checkpoint(stranger.request(0)).status == 200);
}

TEST_CASE("[B8] what is no request is refused as such") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(2);
  const auto note = log.note();
  const std::string hash = audit::base64(audit::Hash{}) + "\n";
  for (const auto& bad :
       {std::string{}, std::string{"old 0"}, "old 0\n" + note, "old\n\n" + note, "old 00\n\n" + note,
        "old -1\n\n" + note, "old 0 \n\n" + note, "Old 0\n\n" + note, "new 0\n\n" + note,
        "old 18446744073709551616\n\n" + note, "old 0\n" + hash.substr(1) + "\n" + note, "old 0\r\n\n" + note,
        "old 0\n\n" + note.substr(0, note.size() - 1), "old 0\n\n\n" + note, "old 0\n\n" + log.text(),
        "old 0\n\ncardea.example/changes\n2\n\n" + note}) {
    CAPTURE(bad);
    CHECK(cosigner.add_checkpoint(bad).status == 400);
  }
  std::string long_proof;
  for (int i = 0; i < 63; ++i)
    long_proof += hash;
  CHECK(cosigner.add_checkpoint("old 0\n" + long_proof + "\n" + note).status == 422);
  CHECK(cosigner.add_checkpoint("old 0\n" + long_proof + hash + "\n" + note).status == 400);
  CHECK(cosigner.add_checkpoint("old 3\n\n" + note).status == 400);  // beyond the checkpoint
  CHECK(cosigner.add_checkpoint("old 0\n\n" + note).status == 200);
}

TEST_CASE("[B8] extension lines are cosigned as they stand") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(2);
  const auto note = log.key_pair->note(log.text() + "one more line\nand another\n");
  const auto answer = cosigner.add_checkpoint("old 0\n\n" + note);
  REQUIRE(answer.status == 200);
  CHECK(audit::open_cosignature(note + answer.body, witness.key()));
  CHECK_FALSE(audit::open_cosignature(log.note() + answer.body, witness.key()));
}

TEST_CASE("[B8] of two histories that race, one is cosigned") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(4);
  REQUIRE(cosigner.add_checkpoint(log.request(0)).status == 200);
  std::vector<std::string> requests;
  for (int i = 0; i < 8; ++i) {
    Log fork = log;
    fork.grow("fork " + std::to_string(i));
    requests.push_back(fork.request(4));
  }
  std::atomic<int> taken{0};
  std::vector<std::jthread> threads;
  for (const auto& request : requests)
    threads.emplace_back([&] { taken += cosigner.add_checkpoint(request).status == 200 ? 1 : 0; });
  threads.clear();
  CHECK(taken == 1);
}

TEST_CASE("[B8] what cannot be kept is not cosigned") {
  Log log;
  Witness witness{log};
  auto cosigner = witness.open();
  log.grow_to(1);
  REQUIRE(cosigner.add_checkpoint(log.request(0)).status == 200);
  log.grow_to(2);
  // A directory where the new file is written first: the disk refuses, whoever runs the test.
  const auto logs = witness.dir.path / "logs";
  const auto file = std::filesystem::directory_iterator {
    logs
    } -> path();
  auto fresh = file;
  fresh += ".new";
  std::filesystem::create_directory(fresh);
  const auto answer = cosigner.add_checkpoint(log.request(1));
  CHECK(answer.status == 507);
  CHECK(answer.body.find("\xE2\x80\x94") == std::string::npos);
  CHECK(witness.lines.size() == 1);
  std::filesystem::remove(fresh);
  CHECK(witness.open().add_checkpoint(log.request(1)).status == 200);
}
