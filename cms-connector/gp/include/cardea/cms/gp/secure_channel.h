#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/bytes.h"
#include "cardea/cms/gp/keys.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::gp {

/// Brings one command to the card and its whole answer back: `61xx` and `6Cxx` are the transport's business,
/// command chaining is not to be used.
using Transmit = std::function<Result<apdu::Response>(const apdu::Command&)>;

/// P1 of EXTERNAL AUTHENTICATE: what protects the commands and responses of the session.
enum class SecurityLevel : std::uint8_t {
  c_mac = 0x01,
  c_mac_c_enc = 0x03,
  c_mac_r_mac = 0x11,
  c_mac_c_enc_r_mac = 0x13,
  all = 0x33,  ///< C-MAC, C-ENC, R-MAC, R-ENC
};

/// The answer to INITIALIZE UPDATE, taken apart (Amendment D, 7.1.1; GP Card Specification, E.5.1).
struct CardAnswer {
  Bytes kdd;                      ///< ten octets of key diversification data
  std::uint8_t key_version = 0;   ///< of the keys the card took
  std::uint8_t protocol = 0;      ///< 2 or 3
  std::optional<std::uint8_t> i;  ///< SCP03 only: the card's options
  Bytes challenge;                ///< 6 octets (SCP02) or 8
  Bytes cryptogram;               ///< 8
  Bytes sequence;                 ///< SCP02: 2 octets; SCP03 with i & 10: 3 octets; else none
};

/// Errors: `corrupt` when it is not one of 28, 29 or 32 octets that fit their own SCP and i; `unsupported`
/// for a protocol other than SCP02 and SCP03.
Result<CardAnswer> parse_card_answer(BytesView data);

struct Options {
  SecurityLevel level = SecurityLevel::c_mac_c_enc;
  /// Makes the card's own keys out of master keys, with the KDD that the card answers.
  Diversification diversification = Diversification::none;
  /// Refuses every other protocol, so that nothing between host and card can choose the weaker one.
  std::optional<std::uint8_t> protocol;
  /// SCP02: the card's options, 15 or 55; the card does not say them in its answer, but in its card data
  /// (66).
  std::uint8_t scp02_i = 0x15;
  /// The security domain's AID. With it the challenge of a card that derives it (SCP02 i=55, SCP03 i & 10) is
  /// recomputed and compared.
  Bytes security_domain;
  /// Random octets; OpenSSL's when empty. Tests script them.
  std::function<Result<Bytes>(std::size_t)> random;
};

class Session;

/// The host's end of a secure channel with a GlobalPlatform security domain: SCP02 (i=15, 55) or SCP03
/// (AES-128, 192, 256).
///
/// Law: EXTERNAL AUTHENTICATE, which costs the card a try when it is wrong, is sent only after the card has
/// proved that it holds these keys. Law: once an answer failed its check, the channel neither protects
/// another command nor believes another answer.
class SecureChannel {
 public:
  /// INITIALIZE UPDATE, check of the card, EXTERNAL AUTHENTICATE. The security domain is selected already.
  ///
  /// Errors: those of `transmit`; `not_found` (no such key version, 6A88); `denied` (the card did not prove
  /// that it holds the keys, or refuses the host); `unsupported` (protocol or level that card, keys or
  /// options do not allow); `corrupt` (answers of the wrong form).
  static Result<SecureChannel> open(Transmit transmit, const Keyset& keys, const Options& options);

  SecureChannel(SecureChannel&&) noexcept;
  SecureChannel& operator=(SecureChannel&&) noexcept;
  SecureChannel(const SecureChannel&) = delete;
  SecureChannel& operator=(const SecureChannel&) = delete;
  ~SecureChannel();

  /// wrap, transmit, unwrap. An error of the transport closes the channel: the card may have counted the
  /// command.
  Result<apdu::Response> send(const apdu::Command& command);

  /// The command as the card is to receive it. Protected responses are longer than plain ones: with R-MAC the
  /// result asks for as many octets as its length form can.
  ///
  /// Errors: `invalid` (data that do not fit once protected, a class byte with secure messaging, chaining or
  /// a channel above 3); `denied` when the channel is closed.
  Result<apdu::Command> wrap(const apdu::Command& command);

  /// The answer to the command that was wrapped last; each may be unwrapped once. Without R-MAC an answer
  /// passes as it is. With it, status words other than 9000, 62xx and 63xx are not protected, and must come
  /// without data.
  ///
  /// Errors: `corrupt` when the MAC is wrong or missing or the answer does not decipher (the channel is
  /// closed then); `invalid` when no command was wrapped.
  Result<apdu::Response> unwrap(const apdu::Response& response);

  /// What PUT KEY and STORE DATA send enciphered for the card alone: under the session's DEK in ECB (SCP02),
  /// or the static DEK in CBC with IV zero (SCP03). Errors: `invalid` unless `plain` is whole blocks of 8
  /// or 16.
  Result<Bytes> encrypt_sensitive(const SecretBytes& plain) const;

  /// Octets of data that a short command may have, so that it still fits when protected.
  [[nodiscard]] std::size_t max_data() const;

  [[nodiscard]] const CardAnswer& card() const { return card_; }
  [[nodiscard]] bool is_open() const { return open_ && session_ != nullptr; }
  /// No further command; the card notices with the first unprotected one.
  void close() { open_ = false; }

 private:
  SecureChannel(Transmit transmit, CardAnswer card, std::unique_ptr<Session> session);

  Transmit transmit_;
  CardAnswer card_;
  std::unique_ptr<Session> session_;
  bool open_ = true;
  bool awaiting_ = false;
};

}  // namespace cardea::cms::gp
