#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "cardea/card/profile.h"
#include "gp_card.h"

namespace cardea::test {

/// What happens in another session of the card, in the middle of a command of this one: before it asks its
/// store or its PINs for something the n-th time.
class Interruption {
 public:
  void at(unsigned n, std::function<void()> other) {
    countdown_ = n;
    other_ = std::move(other);
  }
  /// Whether it is still to come; calls it off.
  bool cancel() { return std::exchange(countdown_, 0) != 0; }
  void step() {
    if (countdown_ != 0 && --countdown_ == 0) std::exchange(other_, {})();
  }

 private:
  unsigned countdown_ = 0;
  std::function<void()> other_;
};

class InterruptedStore final : public card::Store {
 public:
  InterruptedStore(card::Store& real, Interruption& interruption)
      : real_{real}, interruption_{interruption} {}
  Result<std::optional<Bytes>> get(card::RecordId id) override { return interrupted().get(id); }
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override {
    return interrupted().list(space);
  }
  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override {
    return interrupted().commit_if(conditions, changes);
  }
  Result<std::uint64_t> generation() override { return interrupted().generation(); }

 private:
  card::Store& interrupted() {
    interruption_.step();
    return real_;
  }

  card::Store& real_;
  Interruption& interruption_;
};

class InterruptedPins final : public card::PinVault {
 public:
  InterruptedPins(card::PinVault& real, Interruption& interruption)
      : real_{real}, interruption_{interruption} {}
  Result<card::PinStatus> status(card::PinRef ref) override { return interrupted().status(ref); }
  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override {
    return interrupted().verify(ref, evidence);
  }
  Result<void> replace(std::span<const card::PinUpdate> updates) override {
    return interrupted().replace(updates);
  }
  Result<bool> change_awaited() override { return interrupted().change_awaited(); }

 private:
  card::PinVault& interrupted() {
    interruption_.step();
    return real_;
  }

  card::PinVault& real_;
  Interruption& interruption_;
};

/// A session of its own to the card of a bench, which others can come in the way of.
class InterruptedSession {
 public:
  explicit InterruptedSession(CardAndHost& bench)
      : bench_{bench},
        store_{bench.card.world().store, interruption_},
        pins_{bench.card.world().pins, interruption_},
        card_{*card::find_profile(kNist), ports()} {}

  Interruption& interruption() { return interruption_; }
  card::Card& card() { return card_; }

  apdu::Response raw(BytesView command) {
    return apdu::parse_response(card_.transmit(command).response).value();
  }
  apdu::Response send(std::string_view hex) { return raw(CardAndHost::from(hex)); }

  /// With the keys that the card came with, and MACs and encryption of commands.
  cms::gp::SecureChannel open(std::string_view select) {
    REQUIRE(send(select).sw == apdu::sw::kOk);
    cms::gp::Options options;
    options.level = cms::gp::SecurityLevel::c_mac_c_enc;
    options.random = [this](std::size_t size) -> Result<Bytes> { return bench_.octets(size); };
    return cms::gp::SecureChannel::open(
               [this](const apdu::Command& command) -> Result<apdu::Response> {
                 return raw(apdu::encode(command));
               },
               bench_.initial_keys(), options)
        .value();
  }

 private:
  card::Ports ports() {
    const auto real = bench_.card.world().ports();
    return {store_, real.keys, pins_, real.crypto, real.cipher, real.clock, real.rng, real.audit};
  }

  CardAndHost& bench_;
  Interruption interruption_;
  InterruptedStore store_;
  InterruptedPins pins_;
  card::Card card_;
};

}  // namespace cardea::test
