#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "cardea/cms/channel.h"
#include "cardea/cms/piv/admin_key.h"
#include "cardea/cms/piv/names.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::piv {

/// A public key as the card writes it: the inside of 7F49 (81 n 82 e, or 86 point).
struct PublicKey {
  KeyAlgorithm algorithm = KeyAlgorithm::rsa2048;
  Bytes encoded;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

/// A private key that was made off the card. Its parts are named as Yubico's IMPORT does: 01 p, 02 q, 03 dp,
/// 04 dq, 05 qinv, each half a modulus long; 06 the scalar.
struct PrivateKey {
  PublicKey public_key;
  std::vector<std::pair<std::uint8_t, SecretBytes>> parts;
  SecretBytes encoded;  ///< the whole of it as PKCS#8, DER
};

/// What SELECT and the questions that need no authentication tell.
struct CardFacts {
  std::optional<std::array<std::uint8_t, 3>> version;  ///< Yubico firmware version
  std::optional<std::uint32_t> serial;
  std::optional<unsigned> pin_tries;  ///< absent when the PIN is verified already
};

/// What a card tells about a key or PIN (Yubico GET METADATA).
struct Metadata {
  std::optional<std::uint8_t> algorithm;
  std::optional<bool> factory_value;  ///< PIN, PUK and 9B: still the value of the factory
  Bytes public_key;                   ///< inside of 7F49; empty for PIN, PUK and 9B
};

/// What issuance asks of a card. PivCard does it; DryRunCard says what it would do.
///
/// Errors of all: `unavailable` when card or reader are gone or were reset; `denied` when the card refuses
/// the credential (the sentence says how many tries are left); `unsupported` when it does not know the
/// command; `not_found`; `exhausted` when an object is too large; `invalid` for any other status word. No
/// credential is ever tried twice.
class Card {
 public:
  Card() = default;
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;
  Card(Card&&) = delete;
  Card& operator=(Card&&) = delete;
  virtual ~Card() = default;

  /// Between the two, nobody else reaches the card.
  virtual Result<void> begin() = 0;
  virtual void end() noexcept = 0;

  virtual Result<CardFacts> open() = 0;
  /// Nothing when the card has no such command or no such key.
  virtual Result<std::optional<Metadata>> metadata(std::uint8_t reference) = 0;
  virtual Result<void> authenticate(const AdminKey& key) = 0;
  virtual Result<void> set_management_key(const AdminKey& key) = 0;
  virtual Result<void> verify_pin(const SecretBytes& field) = 0;
  virtual Result<void> change_reference(std::uint8_t reference, const SecretBytes& old_field,
                                        const SecretBytes& new_field) = 0;
  /// RESET RETRY COUNTER: a new PIN, by the PUK.
  virtual Result<void> unblock(const SecretBytes& puk_field, const SecretBytes& pin_field) = 0;
  virtual Result<PublicKey> generate(const Slot& slot, KeyAlgorithm algorithm, PinPolicy pin,
                                     TouchPolicy touch) = 0;
  /// Puts a key into a slot, in place of the one there (Yubico IMPORT).
  virtual Result<void> import_key(const Slot& slot, const PrivateKey& key, PinPolicy pin,
                                  TouchPolicy touch) = 0;
  /// Takes a key from one slot to another (Yubico MOVE KEY, from firmware 5.7).
  virtual Result<void> move_key(const Slot& from, const Slot& to) = 0;
  /// Everything as it left the factory (Yubico RESET). The card allows it once PIN and PUK are blocked.
  virtual Result<void> reset() = 0;
  /// `block`: the padded block for RSA, the hash for ECDSA. Result: the block, or DER SEQUENCE(r, s).
  virtual Result<Bytes> sign(const Slot& slot, KeyAlgorithm algorithm, BytesView block) = 0;
  /// The content without its 53; nothing when the object is absent.
  virtual Result<std::optional<Bytes>> read_object(std::uint32_t tag) = 0;
  /// Empty content deletes.
  virtual Result<void> write_object(std::uint32_t tag, BytesView content) = 0;
};

/// The card in a reader.
std::unique_ptr<Card> make_piv_card(Channel& channel);

/// Brings one logical command to the card and its whole answer back.
using Exchange = std::function<Result<apdu::Response>(const apdu::Command&)>;
/// Likewise, but for commands that go another way than in the clear; the channel is still what is reserved.
std::unique_ptr<Card> make_piv_card(Channel& channel, Exchange exchange);

/// A card that does nothing and writes what it would do, with the bytes of each command, to `out`. Keys that
/// it "generates" are made in memory and forgotten, so that everything after them can be shown.
/// `channel` names the secure channel that stands for the management key; empty: there is none.
std::unique_ptr<Card> make_dry_run_card(std::ostream& out, std::string channel = {});

/// A PIN or PUK as it goes on the wire: padded with FF to eight octets. Errors: `invalid` when it is empty or
/// longer.
Result<SecretBytes> pin_field(BytesView pin);

}  // namespace cardea::cms::piv
