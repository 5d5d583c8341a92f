#include "extensions.h"

#include <algorithm>
#include <array>

namespace cardea::cms::ca {

namespace {

constexpr std::array<std::string_view, 9> kKeyUsages{"digitalSignature", "nonRepudiation", "keyEncipherment",
                                                     "dataEncipherment", "keyAgreement",   "keyCertSign",
                                                     "cRLSign",          "encipherOnly",   "decipherOnly"};

struct NamedUsage {
  std::string_view name;
  std::string_view openssl;
};

constexpr std::array<NamedUsage, 5> kExtendedUsages{{
    {"clientAuth", "clientAuth"},
    {"smartCardLogon", "msSmartcardLogin"},
    {"emailProtection", "emailProtection"},
    {"cardAuthentication", "2.16.840.1.101.3.6.8"},  // id-PIV-cardAuth, FIPS 201
    {"documentSigning", "1.3.6.1.5.5.7.3.36"},       // RFC 9336
}};

constexpr const char* kUpn = "1.3.6.1.4.1.311.20.2.3";  // Microsoft's user principal name

bool is_dotted(std::string_view text) {
  return text.find('.') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

std::string openssl_usage(const std::string& name) {
  const auto* row = std::find_if(kExtendedUsages.begin(), kExtendedUsages.end(),
                                 [&](const NamedUsage& u) { return u.name == name; });
  return row == kExtendedUsages.end() ? name : std::string{row->openssl};
}

Result<void> push(Extensions& stack, X509_EXTENSION* extension, const std::string& what) {
  if (extension == nullptr || sk_X509_EXTENSION_push(stack.get(), extension) <= 0) {
    return tl::unexpected{openssl_error(Errc::invalid, "cannot express " + what)};
  }
  return {};
}

Result<void> push_text(Extensions& stack, int nid, const std::string& value) {
  return push(stack, X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()), OBJ_nid2sn(nid));
}

// Built by hand: the text form of OpenSSL would read commas and colons of a name as syntax.
GENERAL_NAME* upn_name(const std::string& upn) {
  ASN1_TYPE* value = ASN1_TYPE_new();
  ASN1_UTF8STRING* text = ASN1_UTF8STRING_new();
  ASN1_STRING_set(text, upn.data(), static_cast<int>(upn.size()));
  ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
  GENERAL_NAME* out = GENERAL_NAME_new();
  GENERAL_NAME_set0_othername(out, OBJ_txt2obj(kUpn, 1), value);
  return out;
}

GENERAL_NAME* email_name(const std::string& email) {
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, email.data(), static_cast<int>(email.size()));
  GENERAL_NAME* out = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(out, GEN_EMAIL, text);
  return out;
}

Result<void> push_alternative_names(Extensions& stack, const Holder& holder,
                                    const CertificateProfile& profile) {
  const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names{GENERAL_NAMES_new()};
  if (profile.upn && !holder.upn.empty()) sk_GENERAL_NAME_push(names.get(), upn_name(holder.upn));
  if (profile.email && !holder.email.empty()) sk_GENERAL_NAME_push(names.get(), email_name(holder.email));
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  return push(stack, X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()), "the subject's other names");
}

}  // namespace

bool known_key_usage(std::string_view name) {
  return std::find(kKeyUsages.begin(), kKeyUsages.end(), name) != kKeyUsages.end();
}

bool known_extended_key_usage(std::string_view name) {
  return is_dotted(name) || std::any_of(kExtendedUsages.begin(), kExtendedUsages.end(),
                                        [&](const NamedUsage& u) { return u.name == name; });
}

Result<Extensions> profile_extensions(const Holder& holder, const CertificateProfile& profile) {
  Extensions stack{sk_X509_EXTENSION_new_null()};
  CARDEA_CHECK(push_text(stack, NID_basic_constraints, "critical,CA:FALSE"));
  std::string usages = "critical";
  for (const auto& usage : profile.key_usage)
    usages += "," + usage;
  if (!profile.key_usage.empty()) CARDEA_CHECK(push_text(stack, NID_key_usage, usages));
  std::string extended;
  for (const auto& usage : profile.extended_key_usage)
    extended += (extended.empty() ? "" : ",") + openssl_usage(usage);
  if (!extended.empty()) CARDEA_CHECK(push_text(stack, NID_ext_key_usage, extended));
  CARDEA_CHECK(push_alternative_names(stack, holder, profile));
  return stack;
}

}  // namespace cardea::cms::ca
