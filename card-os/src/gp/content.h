#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/hex.h"

namespace cardea::card::gp {

// What the registry of every card says of the application that is built in.
inline constexpr auto kPackage = "A0000003080000"_hex;
inline constexpr auto kModule = "A000000308000010"_hex;

/// One row of the registry, as GET STATUS tells it.
struct RegistryEntry {
  Bytes aid;
  std::uint8_t life_cycle = 0;
  Bytes privileges;  ///< C5; empty for what has none
  Bytes package;     ///< C4
  Bytes domain;      ///< CC
  Bytes version;     ///< CE
  Bytes module;      ///< 84
};

/// What a host asks of GET STATUS: `4F L prefix [5C L tags]`.
struct StatusQuery {
  Bytes prefix;                     ///< entries whose AID begins with it
  std::vector<std::uint32_t> tags;  ///< what to tell of each; empty: everything
};
/// Nothing when it is malformed.
std::optional<StatusQuery> parse_status_query(BytesView data);

/// As many templates E3 as fit.
struct StatusPage {
  Bytes data;
  std::size_t next = 0;  ///< the first entry that did not fit; 0 when the last has been told
};
StatusPage status_page(const std::vector<RegistryEntry>& entries, const StatusQuery& query, std::size_t from,
                       std::size_t room);

/// The fields of INSTALL, each after one octet with its length. Nothing unless there are that many and no
/// more.
std::optional<std::vector<BytesView>> read_fields(BytesView data, std::size_t count);

}  // namespace cardea::card::gp
