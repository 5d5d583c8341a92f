#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/bytes.h"
#include "cardea/card/gp/key_set.h"
#include "cardea/card/gp/sequence_counters.h"
#include "cardea/card/ports/key_vault.h"
#include "cardea/card/ports/rng.h"
#include "cardea/card/ports/session_cipher.h"
#include "cardea/card/result.h"
#include "cardea/secret.h"

namespace cardea::card::gp {

/// What a security level consists of (Card Specification 2.3.1, table 10-1).
namespace level {
inline constexpr std::uint8_t kNone = 0x00;
inline constexpr std::uint8_t kCommandMac = 0x01;
inline constexpr std::uint8_t kCommandEncryption = 0x02;
inline constexpr std::uint8_t kResponseMac = 0x10;
inline constexpr std::uint8_t kResponseEncryption = 0x20;
}  // namespace level

/// What a secure channel needs of the world.
struct ChannelPorts {
  KeyVault& vault;        ///< encrypts with the static keys; session keys are derived from what it gives
  SessionCipher& cipher;  ///< encrypts with the session keys
  Rng& rng;               ///< challenges
  KeySets& keys;          ///< the static keys of the security domain
  SequenceCounters& counters;
};

/// How a security domain introduces itself.
struct ChannelIdentity {
  Bytes aid;                                     ///< goes into pseudo-random challenges
  std::array<std::uint8_t, 10> diversification;  ///< key diversification data, as INITIALIZE UPDATE tells
};

class Session;

/// The card's end of GlobalPlatform secure channels, SCP02 and SCP03. A security domain owns one and gives it
/// every command it gets:
///
///  * 80 50 to `initialize_update` and 84 82 to `external_authenticate`, their results go out as they are;
///  * all others through `unwrap`, whose errors go out as they are; what comes of the command, be it 9000 or
///    an error, goes through `wrap`.
///
/// Laws:
///  1. Whatever is not as the protocol has it ends the session and wipes its keys: 6982. So does a port that
///     fails.
///  2. While a session has a security level, no command passes that is not wrapped, in order, and once.
///  3. Sessions are opened by EXTERNAL AUTHENTICATE alone, after the sequence counter is durable; one
///     INITIALIZE UPDATE is good for one attempt.
class SecureChannel {
 public:
  SecureChannel(const ChannelPorts& ports, ChannelIdentity identity);
  SecureChannel(const SecureChannel&) = delete;
  SecureChannel& operator=(const SecureChannel&) = delete;
  ~SecureChannel();

  /// INITIALIZE UPDATE; the answer's data. Ends any session before it looks at the command. Errors: 6A88 no
  /// such key set, 6700, 6A86, 6984 keys that do not suit their protocol, 6985 sequence counter used up.
  CardResult<Bytes> initialize_update(const apdu::Command& command);

  /// EXTERNAL AUTHENTICATE. Errors, each of which ends the attempt: 6985 without INITIALIZE UPDATE, 6700,
  /// 6A86 a level that the key set does not offer, 6982 wrong MAC, 6300 wrong cryptogram.
  CardResult<void> external_authenticate(const apdu::Command& command);

  /// The command without its protection, class byte included. Plain commands pass while there is no session,
  /// and in one of level 00: whether they may run is for the security domain to say (`authenticated`). The
  /// caller wipes the data. Errors: 6982.
  CardResult<apdu::Command> unwrap(const apdu::Command& command);

  /// The answer to the command last unwrapped, protected as the session has it: 9000, 62XX and 63XX get a
  /// MAC; other words go out alone, without data. One command has one answer: a second one, or one without a
  /// command, ends the session and is 6F00, since it would use an initial value twice.
  apdu::Response wrap(apdu::Response response);

  /// Sensitive data (keys) inside a command, decrypted with the data encryption key, whole blocks: in SCP02
  /// the session's, ECB; in SCP03 the static one, CBC from zeroes. Errors: 6985 without a session, 6A80.
  CardResult<SecretBytes> decrypt_sensitive(BytesView blocks);

  /// Ends the session: another application was selected, or the card was reset.
  void close() noexcept;

  /// The host has shown that it knows the keys, and the session stands.
  [[nodiscard]] bool authenticated() const { return stage_ == Stage::open; }
  /// Of the session; 00 when there is none.
  [[nodiscard]] std::uint8_t security_level() const { return level_; }
  /// The diversification data to introduce itself with from now on.
  void identify(const std::array<std::uint8_t, 10>& diversification) {
    identity_.diversification = diversification;
  }

  /// Between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: whose keys the host is about to prove. 00
  /// otherwise.
  [[nodiscard]] std::uint8_t pending_version() const {
    return stage_ == Stage::initialized ? version_ : std::uint8_t{0};
  }
  /// Whether there is neither a session nor one about to be opened.
  [[nodiscard]] bool closed() const { return stage_ == Stage::closed; }
  /// KeySet::generation of the keys of the session, or of the one about to be opened.
  [[nodiscard]] std::uint64_t key_generation() const { return generation_; }

  /// Key version number of the session; 00 when there is none.
  [[nodiscard]] std::uint8_t key_version() const { return authenticated() ? version_ : std::uint8_t{0}; }

  /// Appends what of the state is not secret, for the state digest. It differs after each
  /// command of a session.
  void append_state(Bytes& out) const;

 private:
  enum class Stage : std::uint8_t { closed, initialized, open };

  CardResult<void> admit(const apdu::Command& command);

  ChannelPorts ports_;
  ChannelIdentity identity_;
  Stage stage_ = Stage::closed;
  std::unique_ptr<Session> session_;
  std::uint8_t level_ = level::kNone;
  std::uint8_t version_ = 0;
  std::uint64_t generation_ = 0;
  bool numbered_ = false;
  std::uint32_t sequence_ = 0;
  std::uint32_t commands_ = 0;
  bool answer_due_ = false;
};

}  // namespace cardea::card::gp
