#include <windows.h>
#include <winhttp.h>

#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

#include "cardea/api/http.h"
#include "http_message.h"
#include "windows_trust.h"

namespace cardea::api {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct CloseInternet {
  void operator()(HINTERNET handle) const { ::WinHttpCloseHandle(handle); }
};
using Handle = std::unique_ptr<void, CloseInternet>;

/// The proxy of the person who is logged in, found by itself where it is set up so. Before Windows 8.1, the
/// machine's.
Handle open_session() {
  for (const DWORD access : {WINHTTP_ACCESS_TYPE_AUTOMATIC_PROXY, WINHTTP_ACCESS_TYPE_DEFAULT_PROXY}) {
    Handle session{::WinHttpOpen(L"cardea", access, WINHTTP_NO_PROXY_NAME, WINHTTP_NO_PROXY_BYPASS, 0)};
    if (session) return session;
  }
  return nullptr;
}

bool set_number(HINTERNET handle, DWORD option, DWORD value) {
  return ::WinHttpSetOption(handle, option, &value, sizeof value) != 0;
}

std::wstring header_lines(const HttpRequest& request) {
  std::string out;
  for (const auto& [name, value] : request.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  if (!request.content_type.empty()) out.append("Content-Type: ").append(request.content_type).append("\r\n");
  return widened(out);
}

/// One header of a reply, in ASCII; nothing when there is none.
std::optional<std::string> header_of(HINTERNET request, DWORD which) {
  std::array<wchar_t, 1024> text{};
  DWORD size = sizeof text;
  if (::WinHttpQueryHeaders(request, which, WINHTTP_HEADER_NAME_BY_INDEX, text.data(), &size,
                            WINHTTP_NO_HEADER_INDEX) == 0)
    return std::nullopt;
  std::string out;
  for (const wchar_t c : std::wstring_view{text.data(), size / sizeof(wchar_t)})
    out.push_back(c < 0x80 ? static_cast<char>(c) : '?');
  return out;
}

class WinHttpConnection final : public HttpConnection {
 public:
  explicit WinHttpConnection(ServerAddress address) : address_{std::move(address)} {
    const bool v6 = address_.host.find(':') != std::string::npos;
    server_ = (v6 ? '[' + address_.host + ']' : address_.host) + ':' + std::to_string(address_.port);
  }

  Result<HttpReply> send(const HttpRequest& request) override {
    try {
      deadline_ = Clock::now() + address_.timeout;
      auto reply = exchange(request);
      request_.reset();
      return reply;
    } catch (const std::exception& e) {
      request_.reset();
      return fail(Errc::unavailable, std::string{"the request failed: "} + e.what());
    }
  }

 private:
  Result<HttpReply> exchange(const HttpRequest& request) {
    std::string as_sent;
    CARDEA_CHECK(append_request(as_sent, request, server_));  // for what it refuses
    CARDEA_CHECK(set_up());
    if (authorities_ && trusted_.empty()) CARDEA_CHECK(introduce());
    CARDEA_CHECK(begin(request));
    CARDEA_CHECK(send_head(request));
    CARDEA_CHECK(send_body(request.body));
    CARDEA_CHECK(limit_waits());
    if (::WinHttpReceiveResponse(request_.get(), nullptr) == 0) return failed(::GetLastError());
    return read_reply(request.method == "HEAD");
  }

  /// A session of its own for each connection: WinHTTP shares kept connections within one, and whoever asks
  /// for other authorities must not get a connection that was judged by these.
  Result<void> set_up() {
    if (connection_) return {};
    if (!address_.client_certificate.empty())
      return fail(Errc::invalid, "on Windows a client certificate cannot be read from a file: " +
                                     address_.client_certificate);
    if (!address_.ca_file.empty()) {
      CARDEA_TRY(authorities_, PinnedAuthorities::read(address_.ca_file));
    }
    session_ = open_session();
    if (!session_) return fail(Errc::unavailable, "Windows cannot set up HTTP");
    if (!set_number(session_.get(), WINHTTP_OPTION_SECURE_PROTOCOLS, WINHTTP_FLAG_SECURE_PROTOCOL_TLS1_3))
      return fail(
          Errc::unavailable,
          "this Windows knows no TLS 1.3, which the server asks for; Windows 11 and Windows Server 2022 do");
    connection_.reset(::WinHttpConnect(session_.get(), widened(address_.host).c_str(), address_.port, 0));
    if (!connection_) return fail(Errc::invalid, "this is no name of a server: " + address_.host);
    return {};
  }

  /// A request that says nothing, so that the server is judged before it hears anything of worth: Windows
  /// stops a request whose handle is closed by `on_status`, Wine sends its head all the same.
  Result<void> introduce() {
    const HttpRequest nothing{"GET", "/", {}, {}, {}};
    CARDEA_CHECK(begin(nothing));
    CARDEA_CHECK(send_head(nothing));
    if (::WinHttpReceiveResponse(request_.get(), nullptr) == 0) return failed(::GetLastError());
    CARDEA_CHECK(read_reply(false));  // to its end, so that the connection can be used again
    return {};
  }

  Result<void> begin(const HttpRequest& request) {
    request_.reset(::WinHttpOpenRequest(
        connection_.get(), widened(request.method).c_str(), widened(request.path).c_str(), nullptr,
        WINHTTP_NO_REFERER, WINHTTP_DEFAULT_ACCEPT_TYPES, WINHTTP_FLAG_SECURE | WINHTTP_FLAG_ESCAPE_DISABLE));
    auto* const raw = request_.get();
    // Nothing that would send a request, or part of it, a second time or to somebody else.
    bool ready = raw != nullptr && set_number(raw, WINHTTP_OPTION_DISABLE_FEATURE,
                                              WINHTTP_DISABLE_COOKIES | WINHTTP_DISABLE_REDIRECTS |
                                                  WINHTTP_DISABLE_AUTHENTICATION);
    ready = ready && ::WinHttpSetOption(raw, WINHTTP_OPTION_CLIENT_CERT_CONTEXT,
                                        WINHTTP_NO_CLIENT_CERT_CONTEXT, 0) != 0;
    if (authorities_) {
      // Windows would hold the certificate against its own authorities; `on_status` holds it against ours.
      ready = ready &&
              set_number(raw, WINHTTP_OPTION_SECURITY_FLAGS,
                         SECURITY_FLAG_IGNORE_UNKNOWN_CA | SECURITY_FLAG_IGNORE_CERT_CN_INVALID |
                             SECURITY_FLAG_IGNORE_CERT_DATE_INVALID | SECURITY_FLAG_IGNORE_CERT_WRONG_USAGE);
      ready = ready && ::WinHttpSetStatusCallback(raw, &WinHttpConnection::on_status,
                                                  WINHTTP_CALLBACK_FLAG_SEND_REQUEST,
                                                  0) != WINHTTP_INVALID_STATUS_CALLBACK;
    }
    if (!ready) return fail(Errc::unavailable, "Windows cannot set up a request");
    return limit_waits();
  }

  /// Called in between: the connection stands, the request has not left. From the thread that is in
  /// WinHttpSendRequest.
  static void CALLBACK on_status(HINTERNET handle, DWORD_PTR context, DWORD status, void* /*info*/,
                                 DWORD /*size*/) {
    if (status != WINHTTP_CALLBACK_STATUS_SENDING_REQUEST || context == 0) return;
    // NOLINTNEXTLINE(*-reinterpret-cast,performance-no-int-to-ptr): how WinHTTP carries it
    auto& self = *reinterpret_cast<WinHttpConnection*>(context);
    auto verdict = self.judge(handle);
    if (verdict) return;
    self.verdict_ = std::move(verdict);
    // The one way to stop a request: its handle goes, and with it the connection.
    (void)self.request_.release();
    ::WinHttpCloseHandle(handle);
  }

  Result<void> judge(HINTERNET handle) noexcept {
    try {
      const CERT_CONTEXT* certificate = nullptr;
      DWORD size = sizeof certificate;
      if (::WinHttpQueryOption(handle, WINHTTP_OPTION_SERVER_CERT_CONTEXT, static_cast<void*>(&certificate),
                               &size) == 0)
        return fail(Errc::denied, server_ + " has shown no certificate");
      const std::unique_ptr<const CERT_CONTEXT,
                            decltype([](const CERT_CONTEXT* c) { ::CertFreeCertificateContext(c); })>
          kept{certificate};
      // As long as the connection shows the same one, once is enough, as for any TLS connection.
      Bytes encoded{certificate->pbCertEncoded, certificate->pbCertEncoded + certificate->cbCertEncoded};
      if (encoded == trusted_) return {};
      CARDEA_CHECK(authorities_->check(*certificate, address_.host));
      trusted_ = std::move(encoded);
      return {};
    } catch (const std::exception&) {
      return fail(Errc::unavailable, "no memory to check the certificate of " + server_);
    }
  }

  Result<void> send_head(const HttpRequest& request) {
    verdict_ = {};
    const auto lines = header_lines(request);
    // The body goes apart: WinHTTP repeats a request when a kept connection turns out to be closed, and
    // cannot repeat what it does not have. A request without a body that is repeated does no harm: this
    // interface's GET and DELETE say so.
    const BOOL sent = ::WinHttpSendRequest(
        request_.get(), lines.empty() ? WINHTTP_NO_ADDITIONAL_HEADERS : lines.c_str(),
        static_cast<DWORD>(-1L), WINHTTP_NO_REQUEST_DATA, 0, static_cast<DWORD>(request.body.size()),
        reinterpret_cast<DWORD_PTR>(this));  // NOLINT(*-reinterpret-cast): see on_status
    const DWORD error = ::GetLastError();
    if (!verdict_) return std::exchange(verdict_, {});
    if (sent == 0) return failed(error);
    return {};
  }

  Result<void> send_body(std::string_view body) {
    while (!body.empty()) {
      CARDEA_CHECK(limit_waits());
      DWORD written = 0;
      if (::WinHttpWriteData(request_.get(), body.data(), static_cast<DWORD>(body.size()), &written) == 0)
        return failed(::GetLastError());
      body.remove_prefix(written);
    }
    return {};
  }

  Result<HttpReply> read_reply(bool to_head) {
    HttpReply reply;
    const auto status = header_of(request_.get(), WINHTTP_QUERY_STATUS_CODE).value_or("");
    if (std::from_chars(status.data(), status.data() + status.size(), reply.status).ec != std::errc{})
      return not_http();
    reply.content_type = header_of(request_.get(), WINHTTP_QUERY_CONTENT_TYPE).value_or("");
    const auto length = header_of(request_.get(), WINHTTP_QUERY_CONTENT_LENGTH);
    std::array<char, 16'384> piece{};
    while (!to_head) {
      CARDEA_CHECK(limit_waits());
      DWORD got = 0;
      if (::WinHttpReadData(request_.get(), piece.data(), static_cast<DWORD>(piece.size()), &got) == 0)
        return failed(::GetLastError());
      if (got == 0) break;
      if (reply.body.size() + got > kMaxReplyBody)
        return fail(Errc::exhausted, "what the server sent is larger than any reply of it can be");
      reply.body.append(piece.data(), got);
    }
    // WinHTTP takes the end of the connection for the end of the reply.
    const bool bodiless = to_head || reply.status == 204 || reply.status == 304;
    if (!bodiless && length && *length != std::to_string(reply.body.size()))
      return fail(Errc::corrupt, "the reply was cut off");
    return reply;
  }

  /// What is left of the request's time is the limit of each wait from here on.
  Result<void> limit_waits() {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return too_slow();
    const int limit = static_cast<int>(left);
    // The head of a reply has a limit of its own, for all of it.
    if (::WinHttpSetTimeouts(request_.get(), limit, limit, limit, limit) == 0 ||
        !set_number(request_.get(), WINHTTP_OPTION_RECEIVE_RESPONSE_TIMEOUT, static_cast<DWORD>(limit)))
      return fail(Errc::unavailable, "Windows cannot set up a request");
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> failed(DWORD error) const {
    if (out_of_time()) return too_slow();  // whatever WinHTTP makes of it
    switch (error) {
      case ERROR_WINHTTP_TIMEOUT:
        return too_slow();
      case ERROR_WINHTTP_SECURE_FAILURE:
      case ERROR_WINHTTP_SECURE_INVALID_CA:
      case ERROR_WINHTTP_SECURE_CERT_DATE_INVALID:
      case ERROR_WINHTTP_SECURE_CERT_CN_INVALID:
      case ERROR_WINHTTP_SECURE_CERT_WRONG_USAGE:
      case ERROR_WINHTTP_SECURE_INVALID_CERT:
        return fail(Errc::denied, "the certificate of " + server_ + " is not trusted");
      case ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED:
        return fail(Errc::denied, server_ + " asks for a client's certificate");
      case ERROR_WINHTTP_SECURE_CHANNEL_ERROR:
        return fail(Errc::unavailable, "no TLS 1.3 connection with " + server_);
      case ERROR_WINHTTP_NAME_NOT_RESOLVED:
        return fail(Errc::unavailable, "cannot find " + address_.host);
      case ERROR_WINHTTP_CANNOT_CONNECT:
        return fail(Errc::unavailable, "cannot connect to " + server_);
      case ERROR_WINHTTP_INVALID_SERVER_RESPONSE:
        return not_http();
      case ERROR_WINHTTP_HEADER_SIZE_OVERFLOW:
      case ERROR_WINHTTP_RESPONSE_DRAIN_OVERFLOW:
        return fail(Errc::exhausted, "what the server sent is larger than any reply of it can be");
      default:
        return fail(Errc::unavailable, "the connection to " + server_ + " broke off (Windows error " +
                                           std::to_string(error) + ")");
    }
  }
  [[nodiscard]] tl::unexpected<Error> too_slow() const {
    return fail(Errc::unavailable, server_ + " did not answer in time");
  }
  [[nodiscard]] bool out_of_time() const { return Clock::now() >= deadline_; }
  [[nodiscard]] tl::unexpected<Error> not_http() const {
    if (out_of_time()) return too_slow();
    return fail(Errc::corrupt, "what the server sent is not HTTP/1.1");
  }

  ServerAddress address_;
  std::string server_;
  Handle session_;  // before what is opened in it: goes last
  Handle connection_;
  Handle request_;
  std::optional<PinnedAuthorities> authorities_;
  Bytes trusted_;         // the server's certificate, once judged
  Result<void> verdict_;  // of on_status
  Clock::time_point deadline_;
};

class WinHttpConnector final : public HttpConnector {
 public:
  std::unique_ptr<HttpConnection> connect(const ServerAddress& address) override {
    return std::make_unique<WinHttpConnection>(address);
  }
};

}  // namespace

std::unique_ptr<HttpConnector> make_winhttp_connector() {
  return std::make_unique<WinHttpConnector>();
}

std::unique_ptr<HttpConnector> make_system_connector() {
  return make_winhttp_connector();
}

bool system_shows_client_certificates() {
  return false;
}

}  // namespace cardea::api
