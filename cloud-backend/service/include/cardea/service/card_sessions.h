#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/api/channel.h"
#include "cardea/bytes.h"
#include "cardea/card/card.h"
#include "cardea/result.h"
#include "cardea/service/pins.h"
#include "cardea/service/world.h"

namespace cardea::service {

class CardSecrets;

struct SessionLimits {
  std::size_t all = 100'000;
  std::size_t per_device = 64;
  std::chrono::milliseconds idle = std::chrono::minutes{15};
  std::chrono::milliseconds lifetime = std::chrono::hours{12};
};

/// What a device gets when it opens a card.
struct OpenedSession {
  std::string id;
  std::string token;  ///< a secret, shown with each exchange; only its SHA-256 stays here
  std::string card;
  std::string label;
  std::string profile;
  Bytes atr;
  std::string organisation;
  bool binds_channel = false;  ///< PIN logins are bound to the TLS connection
  bool decimal_pins = false;   ///< values are six to eight digits, padded with FF; else any octets, padded
};

/// Whose holder has shown the PIN in a session.
struct LoggedIn {
  std::string card;
  std::string actor;  ///< for the log
  std::string device;
};

/// A session as the administrator sees it.
struct SessionInfo {
  std::string id;
  std::string card;
  std::string device;
  std::string organisation;
  store::Time opened;
  store::Time last_used;
  std::uint64_t exchanges = 0;
};

/// The open card sessions of this server. Thread-safe; exchanges of different sessions run in parallel, those
/// of one session one after the other.
///
/// A session that is not there, is over, or is asked for with the wrong token is `not_found`, all three
/// alike: whoever holds no token learns nothing.
class CardSessions {
 public:
  CardSessions(World world, SessionLimits limits, PinOptions pins = {});
  CardSessions(const CardSessions&) = delete;
  CardSessions& operator=(const CardSessions&) = delete;
  ~CardSessions();

  /// A registrar's device opens every card of its organisation, a user's device those of its person. Errors:
  /// `not_found` (no such card, or none of the caller's), `denied` (a blocked card, a revoked device, a card
  /// that is being issued and not the caller's to issue), `exhausted` (a limit is reached).
  /// A device that has as many as it may loses the one that was not used for longest: one in which nobody has
  /// logged in, if there is one; none that is running a command.
  /// An issued card is taken into use when a user's device of its holder opens it, unless it has factory
  /// values again: the errors of check_still_own.
  /// PIN logins of the session are bound to the hash of the access token that opened it.
  Result<OpenedSession> open(const Caller& caller, const std::string& card, Bytes access_token_hash = {});

  /// Runs the steps of an encoded exchange, plain or sealed (cardea/api/channel.h), and returns the reply in
  /// the same form. The same octets again get the stored reply and run nothing. Errors: `conflict` for any
  /// number but the next one, for other octets under the last number, and for a plain exchange after a login;
  /// `denied` for a login that is not proven and a record that does not open; `invalid`.
  /// `tls_exporter` (RFC 9266) names the connection; PIN logins are bound to it where the options say so.
  Result<Bytes> exchange(std::string_view session, std::string_view token, BytesView body,
                         BytesView tls_exporter = {});
  Result<Bytes> exchange(std::string_view session, std::string_view token, const api::Exchange& exchange);

  /// Errors: `not_found`; `denied` unless the holder has logged in and the card's secret is lent.
  Result<LoggedIn> logged_in(std::string_view session, std::string_view token);

  Result<void> close(std::string_view session, std::string_view token);

  /// Whether an organisation wants PINs of the holder's own before its keys are used.
  [[nodiscard]] bool awaits_changes(std::string_view organisation) const {
    return pin_options_.changes_awaited(organisation);
  }

  // End sessions at once; one that is running a command ends after it. Each returns how many there were.
  std::size_t end_all_of_card(const std::string& card, SessionEnd reason);
  std::size_t end_all_of_device(const std::string& device);
  std::size_t end_all();

  /// Ends the sessions whose time is over. To be called every few seconds.
  std::size_t sweep();

  [[nodiscard]] std::vector<SessionInfo> list() const;
  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::size_t count_of_card(const std::string& card) const;

 private:
  struct Session;
  class Registry;

  Result<void> admit(const std::shared_ptr<Session>& session);
  Result<std::shared_ptr<Session>> find(std::string_view session, std::string_view token) const;
  api::StateId state_id(Session& session);
  Result<Bytes> run(Session& session, BytesView body);
  Result<api::Exchange> unseal(Session& session, BytesView body);
  Result<Bytes> seal(Session& session, std::uint64_t sequence, Bytes plain);
  Result<void> run_steps(Session& session, const api::Exchange& exchange, api::ExchangeReply& reply);
  api::StepResult run_step(Session& session, const api::Step& step);
  void doubt(const Session& session, card::Outcome& outcome);
  card::Outcome prove(Session& session, const api::PinProofStep& step);
  Bytes take_late_proof(Session& session, const api::LateProofStep& step);
  void report(const Session& session, BytesView apdu, std::string_view command, BytesView response,
              std::chrono::nanoseconds took);
  std::size_t end(const std::vector<std::shared_ptr<Session>>& sessions, SessionEnd reason);
  [[nodiscard]] std::optional<SessionEnd> overdue(const Session& session) const;

  World world_;
  SessionLimits limits_;
  PinOptions pin_options_;
  PinKeyring pin_keys_;
  std::unique_ptr<CardSecrets> secrets_;
  std::unique_ptr<Registry> registry_;
  SecretBytes state_key_;
};

}  // namespace cardea::service
