#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "cardea/resource/manager.h"
#include "cardea/test/print.h"
#include "context.h"
#include "fake_card.h"

namespace cardea::test {

using namespace pcsc_link;
using resource::Context;
using resource::Manager;

inline const std::string kFirst = "Cardea 00 00";
constexpr auto kEither = protocol::kT0 | protocol::kT1;
inline const Bytes kCommand{0x00, 0xA4, 0x04, 0x00};

/// A manager with a card in its reader, and contexts to work with.
struct Bench {
  explicit Bench(resource::Options options = {"Cardea", std::chrono::hours{1}})
      : manager{std::make_unique<Manager>(std::move(options))} {
    CHECK(manager->insert(card) == kFirst);
    (void)card->diary();
  }

  [[nodiscard]] std::unique_ptr<Context> context() const {
    std::unique_ptr<Context> out;
    CHECK(manager->establish(scope::kSystem, out) == code::kSuccess);
    return out;
  }
  CardId connect(Context& from, std::uint32_t mode = share::kShared) const {
    Connected out;
    CHECK(from.connect(kFirst, mode, kEither, out) == code::kSuccess);
    return out.card;
  }
  static Code transmit(Context& from, CardId id) {
    Transmitted out;
    return from.transmit(id, protocol::kT1, kCommand, out);
  }
  static Code reconnect(Context& from, CardId id, std::uint32_t how = disposition::kLeave,
                        std::uint32_t mode = share::kShared) {
    Connected out;
    return from.reconnect(id, mode, kEither, how, out);
  }
  static ReaderRecord record(Context& from, std::size_t index = 0) {
    ReaderList list;
    CHECK(from.readers(list) == code::kSuccess);
    return list.readers.at(index);
  }

  std::unique_ptr<Manager> manager;
  std::shared_ptr<FakeCard> card = std::make_shared<FakeCard>();
};

}  // namespace cardea::test
