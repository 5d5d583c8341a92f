#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cardea/api/card_channel.h"
#include "cardea/api/client.h"
#include "cardea/api/pin_command.h"
#include "cardea/api/pin_login.h"
#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

/// The card of one open session as an application sees it: command in, response out. PINs go no further than
/// here; what proves them goes instead.
///
/// A right PIN is answered 9000 as soon as the server's challenge has shown it to be right. The proof is then
/// owed: it goes in front of the next exchange, or by itself (`settle`), and the try that the PIN has cost is
/// given back when it arrives. A proof that the server does not take is an error of the exchange it was in.
///
/// Not thread-safe. After an error the session is of no further use, except where `retry_owed` says so.
class RemoteCard {
 public:
  struct Sent {
    Bytes reply;
    Bytes tls_exporter;     ///< of the connection it came over (RFC 9266); may be empty
    bool repeated = false;  ///< it was sent twice, over one connection or two
  };
  /// Carries one exchange to the server, and the same octets once more where it may be lost.
  using Send = std::function<Result<Sent>(BytesView octets)>;

  RemoteCard(CardSession session, Send send);

  /// Runs one command. Errors: those of `send`; `corrupt`.
  Result<Bytes> transmit(Bytes apdu);

  /// The card is to be reset before the next command.
  void owe_reset() { reset_owed_ = true; }
  [[nodiscard]] bool owes_reset() const { return reset_owed_; }
  [[nodiscard]] bool owes_proof() const { return proof_.has_value() || unconfirmed_.has_value(); }

  /// Sends what is owed, by itself. After `unavailable` it may or may not have run: the same octets go in
  /// front of whatever is sent next.
  Result<void> settle();

  [[nodiscard]] const CardSession& session() const { return session_; }

 private:
  Result<void> confirm();
  Result<ExchangeReply> exchange(std::vector<Step> steps, bool alone = false);
  Result<ExchangeReply> deliver(const CardChannel::Message& message, bool proven);
  Result<Bytes> log_in(StrippedCommand command);
  std::vector<Step> take_owed();

  struct Unconfirmed {
    CardChannel::Message message;
    bool proven = false;
  };

  CardSession session_;
  Send send_;
  CardChannel channel_;
  PinStripper stripper_;
  bool reset_owed_ = false;
  std::optional<PinProofStep> proof_;
  std::optional<Unconfirmed> unconfirmed_;
  Bytes tls_exporter_;     // of the last reply
  bool repeated_ = false;  // the last exchange
};

}  // namespace cardea::api
