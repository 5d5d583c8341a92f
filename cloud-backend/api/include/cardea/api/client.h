#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cardea/api/channel.h"
#include "cardea/api/http.h"
#include "cardea/api/jose.h"
#include "cardea/api/pin_form.h"
#include "cardea/result.h"

namespace cardea::api {

/// What a device learns when its one-time code is accepted.
struct Enrolment {
  std::string device;        ///< thumbprint of the device key
  std::string organisation;  ///< id
  std::string person;        ///< display name; empty for a device that belongs to nobody
};

/// A card as the list shows it.
struct CardSummary {
  std::string id;
  std::string label;
  std::string profile;
  std::string state;        ///< "active", "blocked"
  std::string holder;       ///< display name; may be empty
  std::string opened_as{};  ///< "user" (its holder), "registrar"; empty where the server does not say
  std::vector<std::string> must_change{};  ///< "pin", "puk": keys that need the PIN wait for it
};

/// An open card session.
struct CardSession {
  std::string id;
  std::string token;  ///< shown with each exchange; a secret
  std::string card;
  std::string label;
  Bytes atr;
  // What PIN logins of the session are bound to, and what the card's PINs look like.
  std::string organisation{};
  std::string device{};       ///< thumbprint of the key that opened it
  Bytes access_token_hash{};  ///< SHA-256 of the token that opened it
  PinForm pin_form = PinForm::decimal;
  bool channel_binding = false;  ///< logins are bound to the TLS connection too
};

/// Device side of the published HTTP interface (openapi.yaml). One connection, so one request at a time; make
/// one Client per card session. Access tokens are fetched and renewed as needed, and shared by all Clients of
/// the process that have the same key and server.
///
/// Errors carry the server's problem detail. `denied`: 401 or 403; `not_found`: 404 or 410 (a session that is
/// gone: the card was reset, from the application's point of view); `conflict`: 409; `invalid`: any other
/// 4xx; `unavailable`: no answer, 5xx, 429; `corrupt`: a success that is not what openapi.yaml says. Those of
/// HttpConnection::send too.
class Client {
 public:
  /// Seconds since 1970, for proofs and the age of tokens.
  using Now = std::function<std::chrono::seconds()>;

  /// `key` is the device's; it outlives the client. `base_url` is "https://host:port" of the server that
  /// `connection` leads to. The system's clock is asked where `now` is empty.
  Client(std::unique_ptr<HttpConnection> connection, std::string base_url, const SigningKey& key,
         Now now = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Result<Enrolment> enrol(const std::string& code, const std::string& device_name);
  Result<std::vector<CardSummary>> cards();
  Result<CardSession> open_session(const std::string& card);

  /// One numbered exchange. After `unavailable` the same exchange may be sent again: the server runs it once.
  Result<ExchangeReply> exchange(const CardSession& session, const Exchange& exchange);

  /// The same for the octets of an exchange, plain or sealed: the body of the reply, and which connection it
  /// came over.
  struct Posted {
    Bytes reply;
    Bytes tls_exporter;
  };
  Result<Posted> post(const CardSession& session, BytesView octets);

  Result<void> close_session(const CardSession& session);

  /// Any other request with JSON in both directions, in the name of a session or of the device: the body of
  /// the reply. `below` is what follows the session's path. Errors: as above; `invalid` for a path that is
  /// none.
  Result<std::string> ask(const CardSession& session, const char* method, const char* below,
                          const std::string& body);
  Result<std::string> ask(const char* method, const std::string& path, const std::string& body);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cardea::api
