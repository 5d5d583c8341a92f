#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::apdu {

/// One BER-TLV data object (ISO/IEC 7816-4, 5.2.2). The tag is the number as printed: 0x7F49, 0x5FC105.
struct Tlv {
  std::uint32_t tag = 0;  ///< one to four octets
  BytesView value;        ///< borrowed from the input
  BytesView whole;        ///< tag, length and value together
};

/// Reads the data object that `octets` begin with. Nothing when it is malformed: tag longer than four octets,
/// indefinite length, length of more than four octets, or a value that is cut off. A length need not be coded
/// in the fewest octets, since cards and middleware pad it (81 00, 82 00 05).
std::optional<Tlv> read_tlv(BytesView octets);

/// All data objects of a template's value, in order; nothing if any octet is left over.
std::optional<std::vector<Tlv>> read_tlvs(BytesView octets);

/// The first object with this tag, wherever it stands among its siblings.
std::optional<BytesView> find(const std::vector<Tlv>& objects, std::uint32_t tag);

/// Appends tag, shortest length and value.
void append_tlv(Bytes& out, std::uint32_t tag, BytesView value);

/// One object on its own.
Bytes make_tlv(std::uint32_t tag, BytesView value);

/// A template: `make_template(0x7F49, {make_tlv(0x81, n), make_tlv(0x82, e)})`.
Bytes make_template(std::uint32_t tag, std::initializer_list<BytesView> objects);

}  // namespace cardea::apdu
