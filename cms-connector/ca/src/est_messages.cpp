#include "est_messages.h"

#include <openssl/evp.h>
#include <openssl/pkcs7.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "openssl.h"

namespace cardea::cms::ca {

namespace {

constexpr std::size_t kLine = 64;
using Pkcs7 = std::unique_ptr<PKCS7, Freer<PKCS7_free>>;

/// A whole decimal number.
std::optional<long> number(std::string_view text) {
  long out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::string to_base64(BytesView octets) {
  std::string flat(4 * ((octets.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(
      reinterpret_cast<unsigned char*>(flat.data()),  // NOLINT(*-reinterpret-cast): octet to char
      octets.data(), static_cast<int>(octets.size()));
  flat.resize(static_cast<std::size_t>(size));
  std::string out;
  for (std::size_t at = 0; at < flat.size(); at += kLine)
    out += flat.substr(at, kLine) + "\n";
  return out;
}

Result<Bytes> from_base64(std::string_view text) {
  std::string flat;
  std::copy_if(text.begin(), text.end(), std::back_inserter(flat),
               [](unsigned char c) { return std::isspace(c) == 0; });
  const auto padding = static_cast<std::size_t>(std::count(flat.begin(), flat.end(), '='));
  const bool padded_at_end = padding <= 2 && flat.find('=') >= flat.size() - std::min(padding, flat.size());
  if (flat.empty() || flat.size() % 4 != 0 || (padding > 0 && !padded_at_end))
    return fail(Errc::corrupt, "the EST server's answer is not base64");
  Bytes out(flat.size() / 4 * 3);
  const int size = EVP_DecodeBlock(out.data(), as_bytes(flat).data(), static_cast<int>(flat.size()));
  if (size < 0) return fail(Errc::corrupt, "the EST server's answer is not base64");
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

Result<std::vector<Bytes>> certs_only(BytesView der) {
  const auto* at = der.data();
  const Pkcs7 message{d2i_PKCS7(nullptr, &at, static_cast<long>(der.size()))};
  if (message == nullptr || PKCS7_type_is_signed(message.get()) == 0 || message->d.sign == nullptr ||
      message->d.sign->cert == nullptr) {
    return tl::unexpected{
        openssl_error(Errc::corrupt, "the EST server's answer is not a PKCS#7 message with certificates")};
  }
  std::vector<Bytes> out;
  for (int i = 0; i < sk_X509_num(message->d.sign->cert); ++i) {
    CARDEA_TRY(auto certificate, certificate_der(sk_X509_value(message->d.sign->cert, i)));
    out.push_back(std::move(certificate));
  }
  return out;
}

std::optional<std::chrono::seconds> retry_after(const std::string& value, std::time_t now) {
  if (const auto seconds = number(value)) {
    if (*seconds < 0) return std::nullopt;
    return std::chrono::seconds{*seconds};
  }
  tm parts{};
  const char* end = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::seconds{std::max<std::time_t>(0, ::timegm(&parts) - now)};
}

Result<EstUrl> parse_est_url(const std::string& url) {
  constexpr std::string_view kScheme = "https://";
  constexpr std::string_view kWellKnown = "/.well-known/est";
  const auto wrong = [&] {
    return fail(
        Errc::invalid,
        "\"" + url + "\" is not of the form https://host[:port][/.well-known/est[/label]]; EST needs TLS");
  };
  if (!std::string_view{url}.starts_with(kScheme)) return wrong();
  const std::string rest = url.substr(kScheme.size());
  const auto slash = rest.find('/');
  std::string authority = rest.substr(0, slash);
  EstUrl out;
  out.path = slash == std::string::npos ? "" : rest.substr(slash);
  while (out.path.ends_with('/'))
    out.path.pop_back();
  if (out.path.empty()) out.path = kWellKnown;
  const bool literal = authority.starts_with('[');  // an IPv6 address
  const auto colon = authority.find(':', literal ? authority.find(']') : 0);
  if (colon != std::string::npos && (!literal || authority.find(']') != std::string::npos)) {
    const auto port = number(std::string_view{authority}.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return wrong();
    out.port = static_cast<int>(*port);
    authority.resize(colon);
  }
  if (literal) authority = authority.size() > 2 ? authority.substr(1, authority.size() - 2) : "";
  out.host = authority;
  const bool strange = std::any_of(
      url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == '@' || c == '?' || c == '#'; });
  if (out.host.empty() || strange) return wrong();
  return out;
}

}  // namespace cardea::cms::ca
