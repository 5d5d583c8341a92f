#pragma once

#include <memory>

#include "cardea/cms/gp/secure_channel.h"

namespace cardea::cms::gp {

constexpr std::size_t kMacSize = 8;

/// What differs between SCP02 and SCP03, from the moment the card's challenge is known.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  virtual ~Session() = default;

  /// Both cryptograms; the card's is compared with what it sent.
  [[nodiscard]] virtual Result<Bytes> card_cryptogram() const = 0;
  [[nodiscard]] virtual Result<Bytes> host_cryptogram() const = 0;

  /// Adds the MAC alone, and begins the chain of MACs: EXTERNAL AUTHENTICATE.
  virtual Result<apdu::Command> authenticate(const apdu::Command& command) = 0;

  /// `command` has a plain class byte, already checked.
  virtual Result<apdu::Command> wrap(const apdu::Command& command) = 0;
  virtual Result<apdu::Response> unwrap(const apdu::Response& response) = 0;

  virtual Result<Bytes> encrypt_sensitive(const SecretBytes& plain) const = 0;
  [[nodiscard]] virtual std::size_t max_data() const = 0;
};

/// Errors: `denied` when the card's challenge is not the one that its counter, its keys and its AID make.
Result<std::unique_ptr<Session>> start_scp02(const Keyset& keys, const CardAnswer& card, BytesView host,
                                             const Options& options);
Result<std::unique_ptr<Session>> start_scp03(const Keyset& keys, const CardAnswer& card, BytesView host,
                                             const Options& options);

constexpr bool has(SecurityLevel level, std::uint8_t bits) {
  return (static_cast<std::uint8_t>(level) & bits) == bits;
}
constexpr std::uint8_t kCEnc = 0x02;
constexpr std::uint8_t kRMac = 0x10;
constexpr std::uint8_t kREnc = 0x20;

/// The class byte that goes into a MAC: secure messaging in GlobalPlatform's form, on channel 0 whatever the
/// channel (GP Card Specification, E.4.4).
constexpr std::uint8_t mac_class(std::uint8_t cla) {
  return static_cast<std::uint8_t>((cla & 0xFCU) | 0x04U);
}

inline tl::unexpected<Error> wrong_challenge() {
  return fail(Errc::denied,
              "the card's challenge is not the one that its keys, its counter and its AID make; "
              "no authentication was tried");
}

}  // namespace cardea::cms::gp
