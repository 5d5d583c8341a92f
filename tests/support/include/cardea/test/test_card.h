#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "cardea/apdu/response.h"
#include "cardea/card/card.h"
#include "cardea/test/memory_pin_vault.h"
#include "cardea/test/memory_store.h"
#include "cardea/test/ports.h"
#include "cardea/test/session_cipher.h"
#include "cardea/test/software_key_vault.h"

namespace cardea::test {

/// Everything outside one test card. Sessions of the same card share it.
struct World {
  explicit World(std::uint64_t seed) : keys{seed}, rng{seed} {}

  Medium medium;
  MemoryStore store{medium};
  MemoryPinVault pins{medium};
  SoftwareKeyVault keys;
  OpenSslCrypto crypto;
  OpenSslSessionCipher cipher;
  FakeClock clock;
  SeededRng rng;
  RecordingAudit audit;

  card::Ports ports() { return {store, keys, pins, crypto, cipher, clock, rng, audit}; }
};

inline constexpr std::string_view kNist = "piv-nist";
inline constexpr std::string_view kYubikey5 = "piv-yubikey5";
inline constexpr std::uint32_t kTestSerial = 0x00C0FFEE;

/// The key set FF of a test card's security domain: 40 41 42 .. three times, with diversification data 00 to
/// 09.
struct DomainSetup {
  card::gp::Protocol protocol = card::gp::Protocol::scp03;
  std::uint8_t options = 0x70;
  card::Algorithm algorithm = card::Algorithm::aes128;
};

/// A card of a profile in its factory state, with one session to it. Throws std::runtime_error when the card
/// cannot be made, and std::logic_error when an invariant of every card is broken: both end a test with the
/// reason.
class TestCard {
 public:
  explicit TestCard(std::string_view profile = kYubikey5, std::uint64_t seed = 1,
                    std::optional<DomainSetup> domain = DomainSetup{});

  /// A command in hexadecimal ("00 20 00 80 08 313233343536FFFF"), any octets at all.
  apdu::Response send(std::string_view hex);

  /// A command as octets. Checks on the way what holds for every answer: a status word of class 6 or 9, no
  /// more data than an APDU can carry, and nothing written by a command that calls itself pure.
  apdu::Response raw(BytesView command);

  /// As `raw`, with all that the card says about the command.
  card::Outcome transmit(BytesView command);

  /// Cold reset; after a planned crash the store works again.
  void power_cycle();

  void fail_store_after(unsigned n, Failure kind = Failure::refused) { world_->medium.fail_after(n, kind); }

  /// Another session to the same card.
  [[nodiscard]] TestCard second_session() const;

  /// What all sessions of this card share.
  [[nodiscard]] World& world() const { return *world_; }
  [[nodiscard]] card::Card& card() { return *card_; }

  /// What holds for every card at any time: counters within their limits, a digest that does not change by
  /// looking, no verified PIN where none ever matched, no failure left that nobody noticed.
  void check_invariants();

 private:
  TestCard(std::shared_ptr<World> world, const card::Profile& profile);

  std::shared_ptr<World> world_;
  const card::Profile* profile_;
  std::unique_ptr<card::Card> card_;
};

}  // namespace cardea::test
