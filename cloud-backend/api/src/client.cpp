#include "cardea/api/client.h"

#include <sodium.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "cardea/api/json.h"
#include "cardea/hex.h"
#include "guarded.h"
#include "problem.h"
#include "token_cache.h"

namespace cardea::api {
namespace {

#ifdef _WIN32
constexpr auto kPlatform = "windows";
#else
constexpr auto kPlatform = "linux";
#endif

using nlohmann::json;

constexpr const char* kJson = "application/json";
constexpr const char* kForm = "application/x-www-form-urlencoded";
constexpr const char* kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr const char* kTokenPath = "/v1/token";
constexpr const char* kCardsPath = "/v1/cards";
constexpr const char* kSessionsPath = "/v1/card-sessions";
constexpr const char* kEnrolmentsPath = "/v1/enrolments";

std::chrono::seconds system_time() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch();
}

tl::unexpected<Error> unexpected_reply() {
  return fail(Errc::corrupt, "the server's reply is not what was agreed");
}

std::string dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// All letters that a form leaves alone occur in tokens, and the URN's colons need not be escaped in a body.
std::string form(std::initializer_list<std::pair<const char*, std::string>> fields) {
  std::string body;
  for (const auto& [name, value] : fields)
    body.append(body.empty() ? "" : "&").append(name).append("=").append(value);
  return body;
}

/// Ids come from the server and become part of a path: only what needs no escaping there.
bool is_plain_id(const std::string& id) {
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  return !id.empty() && id.find_first_not_of(kPlain) == std::string::npos;
}

Result<json> object_in(const HttpReply& reply) {
  auto document = parse_json(reply.body);
  if (!document || !document->is_object()) return unexpected_reply();
  return document;
}

Bytes sha256(std::string_view text) {
  Bytes out(crypto_hash_sha256_BYTES);
  const auto octets = as_bytes(text);
  crypto_hash_sha256(out.data(), octets.data(), octets.size());
  return out;
}

CardSummary summary_of(const json& card) {
  return {text_member(card, "id"),          text_member(card, "label"),  text_member(card, "profile"),
          text_member(card, "state"),       text_member(card, "holder"), text_member(card, "opened_as"),
          texts_member(card, "must_change")};
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::unique_ptr<HttpConnection> connection, std::string base_url, const SigningKey& key, Now now)
      : connection_{std::move(connection)},
        base_url_{std::move(base_url)},
        key_{key},
        now_{now ? std::move(now) : Now{system_time}},
        owner_{base_url_ + ' ' + thumbprint(key.public_key)} {
    while (base_url_.ends_with('/'))
      base_url_.pop_back();
  }

  /// The reply, when it says success; the server's reason otherwise.
  Result<HttpReply> send(const HttpRequest& request) {
    CARDEA_TRY(auto reply, connection_->send(request));
    if (reply.status >= 200 && reply.status < 300) return reply;
    return tl::unexpected{to_error(reply)};
  }

  /// A request in the device's name.
  Result<HttpReply> send_as_device(const std::string& method, const std::string& path,
                                   const std::string& body, Bytes* token_hash = nullptr) {
    for (bool fresh = false;; fresh = true) {
      auto token = TokenCache::of_process().find(owner_, now_());
      fresh = fresh || !token;
      if (!token) {
        CARDEA_TRY(token, fetch_token());
      }
      HttpRequest request{method, path, {}, body.empty() ? "" : kJson, body};
      request.headers = {{"Authorization", "DPoP " + *token},
                         {"DPoP", make_dpop_proof(key_, method, base_url_ + path, *token, now_())}};
      CARDEA_TRY(auto reply, connection_->send(request));
      if (token_hash != nullptr) *token_hash = sha256(*token);
      if (reply.status >= 200 && reply.status < 300) return reply;
      if (reply.status == 401) TokenCache::of_process().drop(owner_, *token);
      // A kept token may have become worthless (a new token key, say), and then nothing was done: once more.
      if (reply.status != 401 || fresh) return tl::unexpected{to_error(reply)};
    }
  }

  /// A request in the name of a card session.
  Result<HttpReply> send_in_session(const CardSession& session, const char* method, const char* verb,
                                    const char* content_type, BytesView body) {
    if (!is_plain_id(session.id)) return fail(Errc::not_found, "there is no such card session");
    HttpRequest request{method, std::string{kSessionsPath} + '/' + session.id + verb, {}, content_type, {}};
    request.headers = {{"Authorization", "CardeaSession " + session.token}};
    request.body.assign(body.begin(), body.end());
    auto reply = send(request);
    wipe({reinterpret_cast<std::uint8_t*>(request.body.data()),
          request.body.size()});  // NOLINT(*-reinterpret-cast): char to octet
    return reply;
  }

  /// Possession of the key, for an enrolment with this code: it stands where an access token does otherwise.
  [[nodiscard]] std::pair<std::string, std::string> enrolment_proof(const std::string& code) const {
    return {"DPoP", make_dpop_proof(key_, "POST", base_url_ + kEnrolmentsPath, code, now_())};
  }
  [[nodiscard]] json public_key() const { return to_jwk(key_.public_key); }
  [[nodiscard]] std::string device() const { return thumbprint(key_.public_key); }

 private:
  Result<std::string> fetch_token() {
    const auto url = base_url_ + kTokenPath;
    const auto now = now_();
    HttpRequest request{"POST", kTokenPath, {}, kForm, {}};
    request.headers = {{"DPoP", make_dpop_proof(key_, "POST", url, {}, now)}};
    request.body = form({{"grant_type", "client_credentials"},
                         {"client_assertion_type", kAssertionType},
                         {"client_assertion", make_client_assertion(key_, url, now)}});
    CARDEA_TRY(const auto reply, send(request));
    CARDEA_TRY(const auto document, object_in(reply));
    auto token = text_member(document, "access_token");
    const auto lifetime = document.find("expires_in");
    if (token.empty() || text_member(document, "token_type") != "DPoP") return unexpected_reply();
    if (lifetime != document.end() && lifetime->is_number_unsigned()) {
      constexpr std::uint64_t kLongest = 3600;
      const auto seconds = std::min(lifetime->get<std::uint64_t>(), kLongest);
      TokenCache::of_process().keep(owner_, token, now,
                                    std::chrono::seconds{static_cast<std::int64_t>(seconds)});
    }
    return token;
  }

  std::unique_ptr<HttpConnection> connection_;
  std::string base_url_;
  const SigningKey& key_;
  Now now_;
  std::string owner_;  // of the token
};

Client::Client(std::unique_ptr<HttpConnection> connection, std::string base_url, const SigningKey& key,
               Now now)
    : impl_{std::make_unique<Impl>(std::move(connection), std::move(base_url), key, std::move(now))} {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Enrolment> Client::enrol(const std::string& code, const std::string& device_name) {
  return guarded([&]() -> Result<Enrolment> {
    const json body{
        {"code", code}, {"public_key", impl_->public_key()}, {"name", device_name}, {"platform", kPlatform}};
    CARDEA_TRY(const auto reply,
               impl_->send({"POST", kEnrolmentsPath, {impl_->enrolment_proof(code)}, kJson, dump(body)}));
    CARDEA_TRY(const auto document, object_in(reply));
    Enrolment enrolment{text_member(document, "device"), text_member(document, "organisation"),
                        text_member(document, "person")};
    if (enrolment.device.empty() || enrolment.organisation.empty()) return unexpected_reply();
    return enrolment;
  });
}

Result<std::vector<CardSummary>> Client::cards() {
  return guarded([&]() -> Result<std::vector<CardSummary>> {
    CARDEA_TRY(const auto reply, impl_->send_as_device("GET", kCardsPath, {}));
    CARDEA_TRY(const auto document, object_in(reply));
    const auto cards = document.find("cards");
    if (cards == document.end() || !cards->is_array()) return unexpected_reply();
    std::vector<CardSummary> summaries;
    for (const auto& card : *cards) {
      summaries.push_back(summary_of(card));
      if (summaries.back().id.empty()) return unexpected_reply();
    }
    return summaries;
  });
}

Result<CardSession> Client::open_session(const std::string& card) {
  return guarded([&]() -> Result<CardSession> {
    CardSession session;
    CARDEA_TRY(const auto reply, impl_->send_as_device("POST", kSessionsPath, dump({{"card", card}}),
                                                       &session.access_token_hash));
    CARDEA_TRY(const auto document, object_in(reply));
    session.id = text_member(document, "id");
    session.token = text_member(document, "token");
    session.card = text_member(document, "card");
    session.label = text_member(document, "label");
    session.organisation = text_member(document, "organisation");
    session.device = impl_->device();
    session.pin_form = parse_pin_form(text_member(document, "pin_format")).value_or(PinForm::decimal);
    session.channel_binding = text_member(document, "channel_binding") == "require";
    auto atr = from_hex(text_member(document, "atr"));
    if (!is_plain_id(session.id) || session.token.empty() || !atr || atr->empty()) return unexpected_reply();
    session.atr = std::move(*atr);
    if (session.channel_binding && reply.tls_exporter.empty()) {
      // Each PIN would be taken for a wrong one, and cost a try.
      (void)close_session(session);
      return fail(Errc::denied,
                  "this server binds PIN logins to the TLS connection (channel_binding = \"require\"), whose "
                  "name this "
                  "system does not tell");
    }
    return session;
  });
}

Result<ExchangeReply> Client::exchange(const CardSession& session, const Exchange& exchange) {
  return guarded([&]() -> Result<ExchangeReply> {
    auto octets = encode(exchange);
    const WipeOnExit wiped{octets};  // a PIN may be in it
    CARDEA_TRY(const auto reply,
               impl_->send_in_session(session, "POST", "/exchange", kExchangeMediaType, octets));
    if (reply.content_type != kExchangeMediaType) return unexpected_reply();
    auto parsed = parse_exchange_reply(as_bytes(reply.body));
    const bool answers =
        parsed && parsed->sequence == exchange.sequence && parsed->results.size() == exchange.steps.size();
    if (!answers) return unexpected_reply();
    return parsed;
  });
}

Result<Client::Posted> Client::post(const CardSession& session, BytesView octets) {
  return guarded([&]() -> Result<Posted> {
    CARDEA_TRY(auto reply, impl_->send_in_session(session, "POST", "/exchange", kExchangeMediaType, octets));
    if (reply.content_type != kExchangeMediaType) return unexpected_reply();
    return Posted{to_bytes(as_bytes(reply.body)), std::move(reply.tls_exporter)};
  });
}

Result<std::string> Client::ask(const CardSession& session, const char* method, const char* below,
                                const std::string& body) {
  return guarded([&]() -> Result<std::string> {
    CARDEA_TRY(auto reply, impl_->send_in_session(session, method, below, kJson, as_bytes(body)));
    return std::move(reply.body);
  });
}

Result<std::string> Client::ask(const char* method, const std::string& path, const std::string& body) {
  return guarded([&]() -> Result<std::string> {
    CARDEA_TRY(auto reply, impl_->send_as_device(method, path, body));
    return std::move(reply.body);
  });
}

Result<void> Client::close_session(const CardSession& session) {
  return guarded([&]() -> Result<void> {
    CARDEA_CHECK(impl_->send_in_session(session, "DELETE", "", "", {}));
    return {};
  });
}

}  // namespace cardea::api
