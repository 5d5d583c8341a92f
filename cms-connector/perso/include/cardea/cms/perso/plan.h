#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/cms/ca/request.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/cms/piv/names.h"
#include "cardea/result.h"

namespace cardea::cms::perso {

enum class Compression : std::uint8_t { never, when_large, always };

/// Where a slot's key comes from.
enum class KeyOrigin : std::uint8_t {
  generated,             ///< made on the card
  imported,              ///< made off it; the authority certifies it
  imported_certificate,  ///< made off it, and certified already: old encryption keys
};

/// One key pair and its certificate.
struct SlotPlan {
  piv::Slot slot;
  piv::KeyAlgorithm algorithm = piv::KeyAlgorithm::rsa2048;
  piv::PinPolicy pin_policy = piv::PinPolicy::standard;
  piv::TouchPolicy touch_policy = piv::TouchPolicy::standard;
  KeyOrigin origin = KeyOrigin::generated;
  std::optional<piv::Slot> retire_to;  ///< where the key that is there now goes before a new one is made
  ca::CertificateProfile certificate;
  Compression compression = Compression::when_large;
};

struct ChuidPlan {
  Bytes fasc_n;  ///< 25 octets
  int valid_days = 0;
};

struct KeyHistoryPlan {
  std::uint8_t on_card = 0, off_card = 0;
};

struct PinPlan {
  bool change = true;
  std::size_t minimum = 6;
  bool digits_only = true;
};

struct ManagementKeyPlan {
  piv::AdminAlgorithm algorithm = piv::AdminAlgorithm::aes256;
  bool keep_if_unsupported = false;  ///< cards without SET MANAGEMENT KEY keep theirs, with a warning
};

/// The secure channel to PIV through which the whole of an issuance goes, in place of the management key.
struct ChannelPlan {
  std::uint8_t protocol = 3;  ///< SCP02 or SCP03
  gp::SecurityLevel level = gp::SecurityLevel::all;
  gp::Diversification diversification = gp::Diversification::none;
  std::uint8_t key_version = 0;  ///< 0: whichever the card takes
  std::string keys;              ///< file with the keys, or the master keys; may be named on the command line
};

/// How a card is personalised: data, read from a JSON file (perso/plans/README.md has the schema).
struct Plan {
  std::string name, description;
  std::optional<ChuidPlan> chuid;
  bool ccc = false;
  std::optional<std::uint16_t> discovery;
  std::optional<KeyHistoryPlan> key_history;
  std::vector<SlotPlan> slots;
  std::size_t certificate_capacity = 1905;  ///< larger objects are compressed where the slot allows it
  PinPlan pin;
  bool change_puk = true;
  std::optional<ManagementKeyPlan> management_key;
  std::optional<ChannelPlan> channel;
  std::string text;  ///< the document it was read from
};

/// Errors: `invalid`, with the place in the document and what is wrong there. Unknown keys are errors.
Result<Plan> parse_plan(std::string_view json);

Result<Plan> load_plan(const std::filesystem::path& file);

}  // namespace cardea::cms::perso
