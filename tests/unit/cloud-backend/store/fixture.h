#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "cardea/store/database.h"
#include "cardea/test/must.h"
#include "cardea/test/record_pins.h"
#include "cardea/test/temp_dir.h"

namespace cardea::store::test {

using cardea::test::must;
using cardea::test::TempDir;

inline Time at(std::int64_t milliseconds) {
  return Time{std::chrono::milliseconds{milliseconds}};
}

inline std::unique_ptr<Database> open(const std::filesystem::path& file) {
  return must(Database::open({file}));
}

/// The card's PINs, compared without cryptography: counting is what is tested.
inline std::unique_ptr<card::PinVault> pins_of(Database& db, const std::string& card) {
  return std::make_unique<cardea::test::RecordPins>(db.pin_records(card));
}

inline CardRow a_card(std::string id, std::uint32_t serial) {
  return {std::move(id), "org", std::nullopt, "piv-yubikey5", "card", serial, CardState::active, at(1)};
}

/// A database with organisation "org", person "ann" of it, and card "card".
struct Furnished {
  TempDir directory;
  std::unique_ptr<Database> db = open(directory / "cardea.db");

  Furnished() {
    must(db->add(Organisation{"org", "Acme", at(1)}));
    must(db->add(Person{"ann", "org", "Ann", "ann@acme.example", at(2)}));
    must(db->add(a_card("card", 1)));
  }
  void reopen() {
    db.reset();
    db = open(directory / "cardea.db");
  }
};

}  // namespace cardea::store::test
