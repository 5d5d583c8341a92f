#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cardea/api/card_channel.h"
#include "cardea/api/client.h"
#include "cardea/api/pin_command.h"
#include "cardea/api/pin_login.h"
#include "cardea/api/proof_keeper.h"
#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::api {

/// The card of one open session as an application sees it: command in, response out. PINs go no further than
/// here; what proves them goes instead.
///
/// A right PIN is answered 9000 when the server's challenge has shown it to be right and its proof is safe:
/// in the hands of a keeper, or, where there is none, at the server. A kept proof is then owed: it goes in
/// front of the next exchange, or by itself (`settle`), and the try that the PIN has cost is given back when
/// it arrives. A proof that the server does not take is an error of the exchange it was in.
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

  /// `keeper`, if there is one, outlives this.
  RemoteCard(CardSession session, Send send, ProofKeeper* keeper = nullptr);

  /// Shows the server the proofs that earlier sessions left with the keeper, in an exchange of their own: to
  /// be called before anything else, so that no one is told 6983 who has tries to come back. Nothing is sent
  /// where nothing is kept. Errors: those of `send`; a proof of which nothing is known stays with the keeper.
  Result<void> show_late_proofs();

  /// Runs one command. Errors: those of `send`; `corrupt`.
  Result<Bytes> transmit(Bytes apdu);

  /// The card is to be reset before the next command.
  void owe_reset() {
    reset_owed_ = true;
    stripper_.reset();
  }
  [[nodiscard]] bool owes_reset() const { return reset_owed_; }
  [[nodiscard]] bool owes_proof() const { return proof_.has_value() || unconfirmed_.has_value(); }

  /// Sends what is owed, by itself. After `unavailable` it may or may not have run: the same octets go in
  /// front of whatever is sent next.
  Result<void> settle();

  [[nodiscard]] const CardSession& session() const { return session_; }

 private:
  Result<void> confirm();
  Result<ExchangeReply> exchange(std::vector<Step> steps, bool alone = false);
  struct Outgoing {
    CardChannel::Message message;
    bool proven = false;                   ///< the application was told 9000 already
    std::optional<std::uint8_t> proves{};  ///< the PIN whose proof this carries
  };
  Result<ExchangeReply> deliver(const Outgoing& outgoing);
  Result<Bytes> log_in(StrippedCommand command);
  std::vector<Step> take_owed();

  CardSession session_;
  Send send_;
  ProofKeeper* keeper_;
  CardChannel channel_;
  PinStripper stripper_;
  bool reset_owed_ = false;
  std::optional<PinProofStep> proof_;
  std::uint8_t proven_reference_ = 0;  // of the last login
  std::optional<Outgoing> unconfirmed_;
  Bytes tls_exporter_;     // of the last reply
  bool repeated_ = false;  // the last exchange
};

}  // namespace cardea::api
