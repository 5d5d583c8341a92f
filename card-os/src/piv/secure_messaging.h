#pragma once

#include <cstdint>
#include <optional>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/card/ports.h"
#include "cardea/card/result.h"
#include "cardea/secret.h"
#include "gp/block_cipher.h"

namespace cardea::card::piv {

/// SP 800-73-4 Part 2, 4.1.6: the curve, the cipher and the sizes that go with a number.
struct CipherSuite {
  std::uint8_t id = 0x27;
  Algorithm curve = Algorithm::p256;
  Algorithm cipher = Algorithm::aes128;
  std::uint8_t nonce = 16;        ///< octets of the card's nonce
  std::uint8_t key_label = 0x09;  ///< what OtherInfo calls the cipher
};

/// 27 (P-256, SHA-256, AES-128) and 2E (P-384, SHA-384, AES-256); nothing for others.
const CipherSuite* find_cipher_suite(std::uint8_t id);
const CipherSuite* find_cipher_suite(Algorithm curve);
/// The algorithm by the number that goes with a key reference: cipher suites are of the secure messaging key
/// alone, all others have the numbers of references.h.
std::optional<Algorithm> algorithm_for(std::uint8_t reference, std::uint8_t id);

/// What the client application sends to establish keys: `00 ‖ its identifier ‖ its ephemeral point`.
struct KeyRequest {
  BytesView host_id;  ///< eight octets
  BytesView point;    ///< 04 ‖ x ‖ y
};
/// Nothing when the sizes are not those of the suite, or the control octet is not 00.
std::optional<KeyRequest> parse_key_request(const CipherSuite& suite, BytesView data);

/// The card's end of secure messaging (SP 800-73-4 Part 2, 4): keys agreed with the card's static key, which
/// authenticates the card, and commands and responses that are encrypted and have MACs.
///
/// Law: whatever is not as the protocol has it ends the session and wipes its keys.
class SecureMessaging {
 public:
  explicit SecureMessaging(const Ports& ports) : ports_{ports} {}

  /// Steps C4 to C12 of 4.1: a session of the keys that `shared` gives, and the value that proves to the
  /// client that this card has them: `00 ‖ nonce ‖ authentication cryptogram ‖ certificate`.
  CardResult<Bytes> establish(const CipherSuite& suite, const KeyRequest& request, const SecretBytes& shared,
                              BytesView certificate);

  [[nodiscard]] bool active() const { return keys_.has_value(); }
  void close() noexcept { keys_.reset(); }
  /// What came is no protected command at all: the session is over. 6988.
  apdu::StatusWord fail() noexcept;

  /// The command without its protection; the caller wipes the data. Errors, which end the session: 6987
  /// without a MAC, 6988 for a wrong one or data objects that are not as they should be, 6882 for a command
  /// that is not to be protected.
  CardResult<apdu::Command> unwrap(const apdu::Command& command);
  /// Data, status word and MAC as data objects, under 9000.
  apdu::Response wrap(const apdu::Response& response);

  /// Appends what of the state is not secret, for the state digest.
  void append_state(Bytes& out) const;

 private:
  struct Keys {
    /// `material`: SK-CFRM, which is not kept, SK-MAC, SK-ENC, SK-RMAC.
    Keys(SessionCipher& cipher, Algorithm algorithm, const SecretBytes& material);

    gp::SessionKey mac, encryption, response_mac;
    SecretBytes chaining{16};           ///< MAC chaining value of commands
    SecretBytes response_chaining{16};  ///< and of responses
    std::uint64_t counter = 0;          ///< of commands
  };

  Result<SecretBytes> derive(const CipherSuite& suite, const KeyRequest& request, const SecretBytes& shared,
                             BytesView card_id, BytesView nonce) const;
  CardResult<apdu::Command> open(const apdu::Command& command);
  Result<apdu::Response> seal(const apdu::Response& response);
  Result<SecretBytes> initial_value(bool response) const;

  Ports ports_;
  std::optional<Keys> keys_;
};

}  // namespace cardea::card::piv
