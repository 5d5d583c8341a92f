#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "cardea/audit/tree.h"
#include "cardea/test/temp_dir.h"
#include "cardea/witness/cosigner.h"
#include "signing.h"

namespace cardea::witness::test {

inline const std::string kOrigin = "cardea.example/changes";

/// A log that tells its witness what it is told to tell.
struct Log {
  explicit Log(std::string of = kOrigin) : origin{std::move(of)} {}

  void grow(const std::string& what) { tree.append(audit::leaf_hash(as_bytes(what))); }
  void grow_to(std::uint64_t size) {
    while (tree.size() < size)
      grow(std::to_string(tree.size()));
  }
  [[nodiscard]] std::string text() const {
    return audit::to_text(audit::Checkpoint{origin, tree.size(), tree.root()});
  }
  [[nodiscard]] audit::NoteKey key() const { return key_pair->key(); }
  [[nodiscard]] std::string note() const { return key_pair->note(text()); }
  [[nodiscard]] audit::Proof since(std::uint64_t size) const {
    const auto nobody = [](std::uint64_t, std::uint64_t) -> Result<std::vector<audit::Hash>> {
      return fail(Errc::unavailable, "");
    };
    return tree.consistency(size, tree.size(), nobody).value();
  }
  [[nodiscard]] std::string request(std::uint64_t old) const { return request(old, since(old)); }
  [[nodiscard]] std::string request(std::uint64_t old, const audit::Proof& proof) const {
    return "old " + std::to_string(old) + "\n" + audit::to_text(proof) + "\n" + note();
  }

  std::string origin;
  audit::Tree tree;
  /// A copy signs with the same key.
  std::shared_ptr<audit::test::Signer> key_pair = std::make_shared<audit::test::Signer>("cardea.example");
};

/// A witness of its own, in a directory of its own.
struct Witness {
  explicit Witness(const Log& log) {
    REQUIRE(State::init(dir.path, "witness.example/1"));
    REQUIRE(State::open(dir.path).value().trust(log.origin, log.key()));
  }
  Cosigner open() {
    return Cosigner{State::open(dir.path).value(), [this] { return time; },
                    [this](const std::string& line) { lines.push_back(line); }};
  }
  [[nodiscard]] audit::CosignerKey key() const { return State::open(dir.path).value().key(); }

  cardea::test::TempDir dir;
  std::uint64_t time = 1'700'000'000;
  std::vector<std::string> lines;
};

}  // namespace cardea::witness::test
