#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "cardea/bytes.h"

/// Contents of PIV data objects, without the 53 that GET DATA and PUT DATA put around them
/// (SP 800-73-4 Part 1, Appendix A).
namespace cardea::cms::piv {

using Guid = std::array<std::uint8_t, 16>;

/// Cardholder unique identifier.
struct Chuid {
  Bytes fasc_n;  ///< 25 octets
  Guid guid{};
  std::string expiry;  ///< "YYYYMMDD"
};

/// FASC-N of a card outside the US federal agencies: agency 9999, system 9999, credential 999999. Middleware
/// then identifies the card by its GUID.
BytesView non_federal_fasc_n();

Bytes encode_chuid(const Chuid& chuid);
/// The GUID of a CHUID; nothing when the object has none.
std::optional<Guid> chuid_guid(BytesView content);
/// Its expiry date, "YYYYMMDD"; empty when it has none.
std::string chuid_expiry(BytesView content);

/// Card capability container with an identifier of the form A000000116 FF 02 ‖ 14 octets.
Bytes encode_ccc(const std::array<std::uint8_t, 14>& identifier);

/// The whole template 7E: the application's identifier and the PIN usage policy 5F2F.
Bytes encode_discovery(std::uint16_t pin_usage);

/// Key history without off-card keys: how many retired keys have their certificate on the card, and
/// elsewhere.
Bytes encode_key_history(std::uint8_t on_card, std::uint8_t off_card);

/// How many retired keys a key history object says there are.
struct KeyHistory {
  std::uint8_t on_card = 0, off_card = 0;
};
std::optional<KeyHistory> parse_key_history(BytesView content);

/// A certificate as it lies on the card.
struct StoredCertificate {
  Bytes certificate;  ///< DER, or gzip of DER
  bool compressed = false;
};

Bytes encode_certificate(const StoredCertificate& stored);
std::optional<StoredCertificate> parse_certificate(BytesView content);

}  // namespace cardea::cms::piv
