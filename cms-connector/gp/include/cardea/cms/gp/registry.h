#pragma once

#include <cstdint>
#include <vector>

#include "cardea/apdu/command.h"
#include "cardea/bytes.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/result.h"

namespace cardea::cms::gp {

/// P1 of GET STATUS (GP Card Specification 2.3.1, 11.4).
enum class Scope : std::uint8_t {
  issuer_domain = 0x80,
  applications = 0x40,  ///< with security domains
  load_files = 0x20,
  load_files_and_modules = 0x10,
};

/// GET STATUS with answers as E3 templates; `next` asks for what follows a 6310.
apdu::Command get_status(Scope scope, bool next);

/// One row of the card's registry. What the card does not say is empty.
struct Entry {
  Bytes aid;
  std::uint8_t life_cycle = 0;
  Bytes privileges;            ///< C5: one octet or three
  Bytes load_file;             ///< C4: the application's executable load file
  Bytes domain;                ///< CC: the security domain it belongs to
  Bytes version;               ///< CE: of a load file
  std::vector<Bytes> modules;  ///< 84: of a load file
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Errors: `corrupt` when the data are not E3 templates with an AID and a life cycle each.
Result<std::vector<Entry>> parse_status(BytesView data);

/// The whole scope, 6310 after 6310; empty when the card has nothing there (6A88).
/// Errors: those of the channel; `denied` for another status word; `corrupt`.
Result<std::vector<Entry>> read_registry(SecureChannel& channel, Scope scope);

}  // namespace cardea::cms::gp
