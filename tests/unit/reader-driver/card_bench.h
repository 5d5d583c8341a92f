#pragma once

#include <doctest/doctest.h>

#include <memory>

#include "fake_server.h"
#include "inserted_card.h"
#include "reader.h"
#include "temp_folder.h"

namespace cardea::test {

/// A reader, a server, and what a card needs to get from one to the other.
struct CardBench {
  static constexpr std::chrono::seconds kLong{20};  // for what must happen at once

  CardBench() { open_reader(); }
  CardBench(const CardBench&) = delete;
  CardBench& operator=(const CardBench&) = delete;
  ~CardBench() { server->release(); }

  void open_reader() {
    auto made = ifd::Reader::open({socket(), 1}, [](const std::string&) {});
    REQUIRE(made);
    reader = std::move(*made);
  }
  [[nodiscard]] std::string socket() const { return folder / "ifd.sock"; }

  [[nodiscard]] std::unique_ptr<agent::InsertedCard> insert(const std::string& label = "badge") const {
    return insert(label, std::make_unique<FakeConnection>(server));
  }
  [[nodiscard]] std::unique_ptr<agent::InsertedCard> insert(
      const std::string& label, std::unique_ptr<api::HttpConnection> connection) const {
    return std::make_unique<agent::InsertedCard>(
        api::CardSummary{"c", label, "piv-nist", "active", ""},
        api::Client{std::move(connection), "https://cards.example", *key}, key,
        agent::make_driver_port(socket()), std::make_unique<agent::LateProofs>(folder.path(), "c"));
  }
  /// As pcscd does: wait, look, until the slot is as wanted.
  void settle(bool present) const {
    const auto end = std::chrono::steady_clock::now() + kLong;
    while (reader->present(0) != present && std::chrono::steady_clock::now() < end)
      reader->wait_for_change(0, kLong);
    REQUIRE(reader->present(0) == present);
  }

  TempFolder folder;
  std::shared_ptr<FakeServer> server = std::make_shared<FakeServer>();
  std::shared_ptr<const api::SigningKey> key =
      std::make_shared<const api::SigningKey>(api::generate_signing_key());
  std::unique_ptr<ifd::Reader> reader;
};

}  // namespace cardea::test
