#include "windows_trust.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

namespace cardea::api {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

Bytes der_of(std::string_view pem) {
  DWORD size = 0;
  const auto length = static_cast<DWORD>(pem.size());
  if (::CryptStringToBinaryA(pem.data(), length, CRYPT_STRING_BASE64HEADER, nullptr, &size, nullptr,
                             nullptr) == 0)
    return {};
  Bytes der(size);
  if (::CryptStringToBinaryA(pem.data(), length, CRYPT_STRING_BASE64HEADER, der.data(), &size, nullptr,
                             nullptr) == 0)
    return {};
  der.resize(size);
  return der;
}

/// The octets of an IP address; empty when `host` is a name.
Bytes address_octets(const std::string& host) {
  Bytes out(16);
  if (::inet_pton(AF_INET6, host.c_str(), out.data()) == 1) return out;
  out.resize(4);
  if (::inet_pton(AF_INET, host.c_str(), out.data()) == 1) return out;
  return {};
}

struct FreeLocal {
  void operator()(void* memory) const { ::LocalFree(memory); }
};

/// Whether the subjectAltName lists this address (RFC 6125, 6.5 leaves it to RFC 2818: all octets alike).
/// Done here: what Windows compares a name with are the DNS names.
bool names_address(const CERT_CONTEXT& certificate, BytesView address) {
  const auto* const info = certificate.pCertInfo;
  const auto* const extension =
      ::CertFindExtension(szOID_SUBJECT_ALT_NAME2, info->cExtension, info->rgExtension);
  if (extension == nullptr) return false;
  CERT_ALT_NAME_INFO* raw = nullptr;
  DWORD size = 0;
  const BOOL decoded = ::CryptDecodeObjectEx(X509_ASN_ENCODING, X509_ALTERNATE_NAME, extension->Value.pbData,
                                             extension->Value.cbData, CRYPT_DECODE_ALLOC_FLAG, nullptr,
                                             static_cast<void*>(&raw), &size);
  if (decoded == 0) return false;
  const std::unique_ptr<CERT_ALT_NAME_INFO, FreeLocal> names{raw};
  const std::span entries{names->rgAltEntry, names->cAltEntry};
  return std::any_of(entries.begin(), entries.end(), [&](const CERT_ALT_NAME_ENTRY& entry) {
    return entry.dwAltNameChoice == CERT_ALT_NAME_IP_ADDRESS &&
           equal({entry.IPAddress.pbData, entry.IPAddress.cbData}, address);
  });
}

struct FreeChain {
  void operator()(const CERT_CHAIN_CONTEXT* chain) const { ::CertFreeCertificateChain(chain); }
};
using Chain = std::unique_ptr<const CERT_CHAIN_CONTEXT, FreeChain>;

std::optional<std::string> what_is_wrong(DWORD status) {
  if (status == CERT_TRUST_NO_ERROR) return std::nullopt;
  if ((status & CERT_TRUST_IS_NOT_TIME_VALID) != 0) return "it has expired, or is not valid yet";
  if ((status & (CERT_TRUST_IS_UNTRUSTED_ROOT | CERT_TRUST_IS_PARTIAL_CHAIN)) != 0)
    return "it is not by the certificate authority that this workstation knows";
  if ((status & CERT_TRUST_IS_NOT_SIGNATURE_VALID) != 0) return "its signature is wrong";
  if ((status & CERT_TRUST_IS_NOT_VALID_FOR_USAGE) != 0) return "it is not for a server";
  return "Windows' reason is 0x" + [status] {
    std::array<char, 9> text{};
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (std::size_t i = 0; i < 8; ++i)
      text[i] = kDigits[(status >> (28U - 4U * i)) & 0xFU];
    return std::string{text.data()};
  }();
}

Result<void> not_trusted(const std::string& host, const std::string& why) {
  return fail(Errc::denied, "the certificate of " + host + " is not trusted: " + why);
}

/// Whether the chain's certificate is for a TLS server and, where a name is given, for that one.
Result<void> check_policy(const CERT_CHAIN_CONTEXT& chain, const std::string& host, bool by_name) {
  auto name = widened(host);
  SSL_EXTRA_CERT_CHAIN_POLICY_PARA server{};
  server.cbSize = sizeof server;
  server.dwAuthType = AUTHTYPE_SERVER;
  server.pwszServerName = by_name ? name.data() : nullptr;
  CERT_CHAIN_POLICY_PARA parameters{};
  parameters.cbSize = sizeof parameters;
  parameters.pvExtraPolicyPara = &server;
  // The chain was judged above, against our roots; the policy would hold it against Windows' once more.
  parameters.dwFlags = CERT_CHAIN_POLICY_ALLOW_UNKNOWN_CA_FLAG;
  CERT_CHAIN_POLICY_STATUS status{};
  status.cbSize = sizeof status;
  if (::CertVerifyCertificateChainPolicy(CERT_CHAIN_POLICY_SSL, &chain, &parameters, &status) == 0)
    return not_trusted(host, "Windows cannot check it");
  if (status.dwError == 0) return {};
  if (status.dwError == static_cast<DWORD>(CERT_E_CN_NO_MATCH))
    return not_trusted(host, "it is for another server");
  return not_trusted(host, "it is not for a server");
}

}  // namespace

std::wstring widened(std::string_view utf8) {
  if (utf8.empty()) return {};
  const auto size = static_cast<int>(utf8.size());
  std::wstring out(static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, nullptr, 0)),
                   L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, out.data(), static_cast<int>(out.size()));
  return out;
}

Result<PinnedAuthorities> PinnedAuthorities::read(const std::string& pem_file) {
  const auto unreadable = fail(Errc::invalid, "cannot read the CA certificate " + pem_file);
  std::ifstream in{std::filesystem::path{pem_file}, std::ios::binary};
  if (!in) return unreadable;
  const std::string content{std::istreambuf_iterator<char>{in}, {}};

  PinnedAuthorities out;
  out.store_.reset(::CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, nullptr));
  if (!out.store_) return unreadable;
  bool any = false;
  std::string_view rest{content};
  for (auto at = rest.find(kBegin); at != std::string_view::npos; at = rest.find(kBegin)) {
    rest.remove_prefix(at);
    const auto end = rest.find(kEnd);
    if (end == std::string_view::npos) return unreadable;
    const auto der = der_of(rest.substr(0, end + kEnd.size()));
    rest.remove_prefix(end + kEnd.size());
    if (der.empty() || ::CertAddEncodedCertificateToStore(out.store_.get(), X509_ASN_ENCODING, der.data(),
                                                          static_cast<DWORD>(der.size()),
                                                          CERT_STORE_ADD_USE_EXISTING, nullptr) == 0)
      return unreadable;
    any = true;
  }
  if (!any) return unreadable;

  CERT_CHAIN_ENGINE_CONFIG settings{};
  // As it was when the exclusive root came (Windows 7): Wine knows nothing later.
  settings.cbSize = offsetof(CERT_CHAIN_ENGINE_CONFIG, dwExclusiveFlags);
  settings.hExclusiveRoot = out.store_.get();
  HCERTCHAINENGINE engine = nullptr;
  if (::CertCreateCertificateChainEngine(&settings, &engine) == 0)
    return fail(Errc::unavailable, "Windows cannot set up the check of certificates");
  out.engine_.reset(engine);
  return out;
}

Result<void> PinnedAuthorities::check(const CERT_CONTEXT& certificate, const std::string& host) const {
  std::string usage{szOID_PKIX_KP_SERVER_AUTH};
  auto* wanted = usage.data();
  CERT_CHAIN_PARA parameters{};
  parameters.cbSize = sizeof parameters;
  parameters.RequestedUsage.dwType = USAGE_MATCH_TYPE_AND;
  parameters.RequestedUsage.Usage = {1, &wanted};
  const CERT_CHAIN_CONTEXT* raw = nullptr;
  if (::CertGetCertificateChain(engine_.get(), &certificate, nullptr, certificate.hCertStore, &parameters,
                                CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL, nullptr, &raw) == 0)
    return not_trusted(host, "Windows cannot check it");
  const Chain chain{raw};
  if (const auto why = what_is_wrong(chain->TrustStatus.dwErrorStatus)) return not_trusted(host, *why);
  const auto address = address_octets(host);
  if (!address.empty() && !names_address(certificate, address))
    return not_trusted(host, "it is for another server");
  return check_policy(*chain, host, address.empty());
}

}  // namespace cardea::api
