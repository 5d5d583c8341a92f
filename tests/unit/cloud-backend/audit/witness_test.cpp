#include "cardea/audit/witness.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>

#include "signing.h"

using namespace cardea;
using namespace cardea::audit;
using cardea::audit::test::Signer;

namespace {

struct Folder {
  Folder() {
    std::string text = (std::filesystem::temp_directory_path() / "cardea-witness-XXXXXX").string();
    path = mkdtemp(text.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Result<std::vector<Hash>> nobody(std::uint64_t, std::uint64_t) {
  return fail(Errc::unavailable, "");
}

struct Log {
  void grow(const char* what) { tree.append(leaf_hash(as_bytes(what))); }
  std::string checkpoint() {
    return signer.note(to_text(Checkpoint{"cardea.example", tree.size(), tree.root()}));
  }
  Proof since(std::uint64_t size) { return tree.consistency(size, tree.size(), nobody).value(); }
  Tree tree;
  Signer signer{"cardea.example"};
};

}  // namespace

TEST_CASE("[B8] a witness follows a log that grows, across its own restarts") {
  const Folder folder;
  const auto file = folder.path / "last";
  Log log;
  log.grow("one");
  {
    auto witness = Witness::open(file).value();
    CHECK_FALSE(witness.last());
    REQUIRE(witness.add(log.checkpoint(), log.signer.key(), {}));
    REQUIRE(witness.add(log.checkpoint(), log.signer.key(), {}));
  }
  auto witness = Witness::open(file).value();
  REQUIRE(witness.last());
  CHECK(witness.last()->size == 1);
  log.grow("two");
  log.grow("three");
  CHECK(witness.add(log.checkpoint(), log.signer.key(), {}).error().code == Errc::conflict);
  CHECK(witness.add(log.checkpoint(), log.signer.key(), log.since(1)).value().size == 3);
}

TEST_CASE("[B8] a witness refuses a shorter log, another history and another key") {
  const Folder folder;
  auto witness = Witness::open(folder.path / "last").value();
  Log log;
  log.grow("one");
  const auto old = log.checkpoint();
  log.grow("two");
  REQUIRE(witness.add(log.checkpoint(), log.signer.key(), {}));

  CHECK(witness.add(old, log.signer.key(), {}).error().what ==
        "the witness has seen 2 leaves, and the log has only 1");
  Log forged;
  forged.grow("one");
  forged.grow("2");
  forged.grow("three");
  const auto text = to_text(Checkpoint{"cardea.example", 3, forged.tree.root()});
  CHECK(witness.add(log.signer.note(text), log.signer.key(), forged.since(2)).error().what ==
        "the witness has seen 2 leaves that are not the beginning of this log");
  CHECK(witness.add(forged.checkpoint(), forged.signer.key(), forged.since(2)).error().what ==
        "the checkpoint is of another log's key");
  CHECK(witness.add(forged.checkpoint(), log.signer.key(), forged.since(2)).error().code == Errc::corrupt);
  CHECK(witness.last()->size == 2);
}

TEST_CASE("[B8] a witness whose file was damaged says so") {
  const Folder folder;
  const auto file = folder.path / "last";
  Log log;
  log.grow("one");
  REQUIRE(Witness::open(file).value().add(log.checkpoint(), log.signer.key(), {}));
  {
    std::fstream out{file, std::ios::in | std::ios::out | std::ios::binary};
    out.seekp(150);
    out.put('?');
  }
  CHECK(Witness::open(file).error().code == Errc::corrupt);
}
