#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/apdu/command.h"
#include "cardea/bytes.h"
#include "cardea/cms/gp/keys.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::gp {

// Commands of GP Card Specification 2.3.1, chapter 11, before a secure channel protects them.

/// GET DATA (11.3): E0 key information, 66 card data, 9F7F production data …
apdu::Command get_data(std::uint16_t tag);

/// DELETE (11.2) of an application or a load file; `related` takes what was made from it too.
apdu::Command delete_object(BytesView aid, bool related);
/// DELETE of a key, or of every key with this version.
apdu::Command delete_key(std::uint8_t version, std::optional<std::uint8_t> id);

/// INSTALL [for install and make selectable] (11.5.2.3.2).
struct Installation {
  Bytes load_file;
  Bytes module;
  Bytes instance;
  Bytes privileges = {0x00};  ///< one octet or three
  Bytes parameters;           ///< value of C9: what the application's own installation reads
  Bytes token;                ///< of delegated management
};
/// Errors: `invalid` when a field has more than 255 octets, or all together too many for one command.
Result<apdu::Command> install(const Installation& what);
/// INSTALL [for load] (11.5.2.3.1); `domain` empty: the selected security domain.
Result<apdu::Command> install_for_load(BytesView load_file, BytesView domain, BytesView hash,
                                       BytesView parameters, BytesView token);
/// INSTALL [for personalization] (11.5.2.3.6): STORE DATA goes to this application from now on.
Result<apdu::Command> install_for_personalization(BytesView instance);
/// INSTALL [for extradition] (11.5.2.3.4): the application moves to another security domain.
Result<apdu::Command> install_for_extradition(BytesView domain, BytesView instance, BytesView token);

/// Life cycle of the card (11.1.1). They only go forward, but for SECURED and CARD_LOCKED; TERMINATED is the
/// end.
enum class CardState : std::uint8_t {
  op_ready = 0x01,
  initialized = 0x07,
  secured = 0x0F,
  card_locked = 0x7F,
  terminated = 0xFF
};
/// SET STATUS (11.10) of the card.
apdu::Command set_card_state(CardState state);
/// SET STATUS of an application: locks it, or puts it back into the state before.
apdu::Command lock_application(BytesView aid, bool locked);

/// PUT KEY (11.8, Amendment D 7.2) of three keys at once, from key identifier 1. `replaces` is the version
/// that goes away; 0 adds `fresh.version`. The keys are enciphered under the channel's DEK; AES-192 keys are
/// filled up with zeros to whole blocks.
///
/// Errors: `invalid` (key lengths, version 0); those of the channel.
Result<apdu::Command> put_key(const SecureChannel& channel, const Keyset& fresh, std::uint8_t replaces);
/// What the card answers PUT KEY with: the version, and the check value of each key. Errors: `corrupt` when
/// it is something else, which means that the card stored other keys.
Result<void> check_put_key_answer(const Keyset& fresh, BytesView answer);

/// A data group of STORE DATA in DGI format (11.11, EMV Card Personalization Specification).
struct DataGroup {
  std::uint16_t dgi = 0;
  SecretBytes value;       ///< at most 65 535 octets
  bool encrypted = false;  ///< to be enciphered under the channel's DEK; `value` is whole blocks then
};
/// One STORE DATA command for as many whole groups as fit, more for a group that alone is too large. Groups
/// that are enciphered and groups that are not never share a command, because P1 tells the card which they
/// are. The last command says that it is. What the commands carry may be secret: the caller wipes them.
///
/// Errors: `exhausted` (more than 256 blocks); `invalid` (nothing to send, lengths); those of the channel.
Result<std::vector<apdu::Command>> store_data(const SecureChannel& channel,
                                              const std::vector<DataGroup>& groups);
/// The same for BER-TLV data objects, cut where a command is full.
Result<std::vector<apdu::Command>> store_tlvs(const SecureChannel& channel, BytesView objects);

}  // namespace cardea::cms::gp
