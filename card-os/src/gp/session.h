#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/card/gp/secure_channel.h"

namespace cardea::card::gp {

namespace sw = apdu::sw;
using apdu::Command;
using apdu::Response;

/// What a session is made of.
struct Opening {
  const ChannelPorts& ports;
  const ChannelIdentity& identity;
  const KeySet& keys;
  BytesView host_challenge;  ///< eight octets
  std::uint32_t sequence;    ///< of this session, where sessions are numbered
};

/// One session of one protocol, from INITIALIZE UPDATE on. It reports violations; its owner ends it.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  /// What the answer to INITIALIZE UPDATE says after the key version number.
  [[nodiscard]] virtual Bytes answer() const = 0;
  [[nodiscard]] virtual bool offers(std::uint8_t security_level) const = 0;
  [[nodiscard]] virtual bool is_host(BytesView cryptogram) const = 0;

  /// Also of EXTERNAL AUTHENTICATE, which is the first command with a MAC and has level 01. Errors: 6982.
  virtual CardResult<Command> unwrap(const Command& wrapped, std::uint8_t security_level) = 0;
  /// Data and MAC for a response that gets one.
  virtual CardResult<Response> wrap(const Response& response, std::uint8_t security_level) = 0;

  virtual CardResult<SecretBytes> decrypt_sensitive(BytesView blocks) = 0;
};

/// Errors: 6984 when the keys do not suit the protocol.
CardResult<std::unique_ptr<Session>> open_scp02(const Opening& opening);
CardResult<std::unique_ptr<Session>> open_scp03(const Opening& opening);

inline constexpr std::size_t kMacSize = 8;

/// A data field, taken apart.
struct Protected {
  BytesView body;
  BytesView mac;
};
/// Nothing when there is no room for a MAC.
std::optional<Protected> split(const Command& wrapped);

/// Header and Lc as the MAC covers them: three octets where the command has extended length fields.
Bytes authenticated_header(const Command& wrapped, std::size_t lc);

/// The same command with other data, and with a class byte that announces no secure messaging.
Command plain(const Command& wrapped, BytesView data);

}  // namespace cardea::card::gp
