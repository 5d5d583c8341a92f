#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cardea/card/gp/domain_keys.h"
#include "cardea/service/world.h"
#include "cardea/store/key_ledger.h"

namespace cardea::service {

/// What an organisation's master keys are, and what becomes of them on its cards.
struct CardKeySettings {
  card::Algorithm algorithm = card::Algorithm::aes256;  ///< of the master keys: triple DES or AES
  unsigned parts = 0;                                   ///< of triple DES: 2 or 3; else 0
  bool three = false;            ///< one master key each for ENC, MAC and DEK, instead of one for all
  std::uint8_t key_version = 1;  ///< under which a card gets its keys, 01 to 7F
  card::gp::Protocol protocol = card::gp::Protocol::scp03;
  std::uint8_t options = 0x70;  ///< the protocol's parameter "i"
  vault::Diversification scheme = vault::Diversification::kdf3;
};

/// Of the keys on the cards. Errors: `invalid`, with a sentence that says what does not go together.
Result<card::Algorithm> card_key_algorithm(const CardKeySettings& settings);

/// Master keys in the HSM, one set for each organisation, from which its cards get their GlobalPlatform keys
/// when they are made. Each act is announced in the audit log before it is done, and concluded after it.
class CardKeys {
 public:
  explicit CardKeys(World world) : world_{world} {}

  // `organisation` is an id or a name.
  /// Makes the master keys in the HSM; nobody ever knows them. Errors: `not_found`, `invalid`, `conflict`
  /// while there is a set in use; those of vault and store.
  Result<store::CardKeysRow> create(const std::string& organisation, const CardKeySettings& settings,
                                    const std::string& actor);
  /// Takes master keys that a card management system has: one, or three in the order ENC, MAC, DEK. Triple
  /// DES of two parts has 16 octets. `check_values`: what they must give, three octets a key; empty when
  /// nobody knows. Errors: as above; `denied` when the check values are others.
  Result<store::CardKeysRow> import(const std::string& organisation, const CardKeySettings& settings,
                                    const std::vector<SecretBytes>& keys, BytesView check_values,
                                    const std::string& actor);
  /// Those in use and those that were retired, the latest first. Errors: `not_found`.
  Result<std::vector<store::CardKeysRow>> list(const std::string& organisation);
  /// No card gets keys of them any more, and they are gone from the HSM's keeping; cards that have keys keep
  /// them. Errors: `not_found`.
  Result<store::CardKeysRow> retire(const std::string& organisation, const std::string& actor);

 private:
  using MakeMaster = std::function<Result<card::KeyHandle>(std::size_t index, card::KeySlot slot)>;

  Result<store::CardKeysRow> take(const std::string& organisation, const CardKeySettings& settings,
                                  bool imported, BytesView expected, const std::string& actor,
                                  const MakeMaster& make);
  Result<void> note(const std::string& organisation, const std::string& actor, std::string_view action,
                    bool success, std::string detail);

  World world_;
};

/// For a card that is about to be made: its first keys, which the HSM derives from the organisation's master
/// keys when the card asks for them. None when the organisation has no card keys. Errors: `corrupt` when
/// their row is not what it was left as.
Result<std::optional<card::gp::SecurityDomainKeys>> first_keys(World world, const store::CardRow& card);

/// What is derived from for a card: 00 00 00 00, the serial number, 00 00. VISA2 reads octets 1, 2 and 5 to 8
/// of it, EMV octets 5 to 10.
std::array<std::uint8_t, 10> diversification_data(std::uint32_t serial);

}  // namespace cardea::service
