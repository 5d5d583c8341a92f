#include "revocation.h"

#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "cardea/cms/ca/files.h"
#include "cardea/hex.h"

namespace cardea::cms::ca {

namespace {

struct NamedReason {
  Reason reason;
  std::string_view name;
};
constexpr std::array<NamedReason, 7> kReasons{{{Reason::unspecified, "unspecified"},
                                               {Reason::key_compromise, "keyCompromise"},
                                               {Reason::affiliation_changed, "affiliationChanged"},
                                               {Reason::superseded, "superseded"},
                                               {Reason::cessation_of_operation, "cessationOfOperation"},
                                               {Reason::certificate_hold, "certificateHold"},
                                               {Reason::privilege_withdrawn, "privilegeWithdrawn"}}};

constexpr std::size_t kColumns = 6;

std::string index_time(const tm& parts) {
  std::array<char, 32> text{};
  (void)std::strftime(text.data(), text.size(), "%y%m%d%H%M%SZ", &parts);
  return text.data();
}

Result<std::vector<std::vector<std::string>>> read_index(const std::filesystem::path& index) {
  CARDEA_TRY(const auto text, read_file(index));
  std::vector<std::vector<std::string>> out;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> columns;
    std::istringstream parts{line};
    for (std::string part; std::getline(parts, part, '\t');)
      columns.push_back(part);
    if (columns.size() != kColumns || (columns[0] != "V" && columns[0] != "R" && columns[0] != "E"))
      return fail(Errc::corrupt, index.string() + ", line " + std::to_string(out.size() + 1) +
                                     ": not of the form of openssl ca");
    out.push_back(std::move(columns));
  }
  return out;
}

/// Serial numbers are written with and without leading zeros.
std::string bare(const std::string& serial) {
  const auto from = serial.find_first_not_of('0');
  return from == std::string::npos ? "0" : serial.substr(from);
}

using Crl = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;

Integer integer(BytesView octets) {
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{
      BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr)};
  return Integer{BN_to_ASN1_INTEGER(number.get(), nullptr)};
}

Result<void> add(X509_CRL* crl, const Revoked& revoked) {
  std::string digits = bare(revoked.serial);
  if (digits.size() % 2 != 0) digits.insert(0, "0");
  const auto octets = from_hex(digits);
  const Time when{ASN1_TIME_new()};
  std::unique_ptr<X509_REVOKED, Freer<X509_REVOKED_free>> entry{X509_REVOKED_new()};
  if (!octets || ASN1_UTCTIME_set_string(when.get(), revoked.when.c_str()) != 1 ||
      X509_REVOKED_set_serialNumber(entry.get(), integer(*octets).get()) != 1 ||
      X509_REVOKED_set_revocationDate(entry.get(), when.get()) != 1) {
    return tl::unexpected{
        openssl_error(Errc::corrupt, "the entry of certificate " + revoked.serial + " cannot be used")};
  }
  // RFC 5280, 5.3.1: without a reason rather than "unspecified".
  if (revoked.reason != Reason::unspecified) {
    const std::unique_ptr<ASN1_ENUMERATED, Freer<ASN1_ENUMERATED_free>> reason{ASN1_ENUMERATED_new()};
    ASN1_ENUMERATED_set(reason.get(), static_cast<long>(revoked.reason));
    X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, reason.get(), 0, 0);
  }
  X509_CRL_add0_revoked(crl, entry.release());
  return {};
}

}  // namespace

std::string_view name(Reason reason) {
  return std::find_if(kReasons.begin(), kReasons.end(),
                      [&](const NamedReason& row) { return row.reason == reason; })
      ->name;
}

std::optional<Reason> reason_named(std::string_view name) {
  const auto* row = std::find_if(kReasons.begin(), kReasons.end(),
                                 [&](const NamedReason& known) { return known.name == name; });
  if (row == kReasons.end()) return std::nullopt;
  return row->reason;
}

std::string index_line(X509* certificate, const std::string& serial) {
  tm parts{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts);
  std::string subject = name_text(X509_get_subject_name(certificate));
  std::replace(subject.begin(), subject.end(), '\t', ' ');
  return "V\t" + index_time(parts) + "\t\t" + serial + "\tcerts/" + serial + ".pem\t" + subject + "\n";
}

Result<void> mark_revoked(const std::filesystem::path& index, const std::string& serial, Reason reason,
                          std::time_t now) {
  CARDEA_TRY(auto lines, read_index(index));
  const auto line = std::find_if(lines.begin(), lines.end(),
                                 [&](const auto& columns) { return bare(columns[3]) == bare(serial); });
  if (line == lines.end())
    return fail(Errc::not_found, "certificate " + serial + " is not in " + index.string());
  if ((*line)[0] == "R") return {};
  tm parts{};
  (void)::gmtime_r(&now, &parts);
  (*line)[0] = "R";
  (*line)[2] = index_time(parts) + (reason == Reason::unspecified ? "" : "," + std::string{name(reason)});
  std::string text;
  for (const auto& columns : lines) {
    for (std::size_t i = 0; i < columns.size(); ++i)
      text += (i == 0 ? "" : "\t") + columns[i];
    text += "\n";
  }
  return replace_file(index, text, 0644);
}

Result<std::vector<Revoked>> read_revoked(const std::filesystem::path& index) {
  CARDEA_TRY(const auto lines, read_index(index));
  std::vector<Revoked> out;
  for (const auto& columns : lines) {
    if (columns[0] != "R") continue;
    const auto comma = columns[2].find(',');
    Revoked revoked{columns[3], columns[2].substr(0, comma), Reason::unspecified};
    if (comma != std::string::npos) {
      const auto reason = reason_named(columns[2].substr(comma + 1));
      if (!reason)
        return fail(Errc::corrupt,
                    index.string() + ": the reason of certificate " + columns[3] + " is not known");
      revoked.reason = *reason;
    }
    out.push_back(std::move(revoked));
  }
  return out;
}

Result<std::string> make_crl(const std::vector<Revoked>& revoked, EVP_PKEY* key, X509* authority,
                             BytesView number, int days) {
  const Crl crl{X509_CRL_new()};
  const Time now{X509_gmtime_adj(nullptr, 0)};
  const Time next{X509_time_adj_ex(nullptr, days, 0, nullptr)};
  X509V3_CTX context;
  X509V3_set_ctx(&context, authority, nullptr, nullptr, crl.get(), 0);
  const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> identifier{
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always")};
  if (X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(authority)) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), now.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), next.get()) != 1 ||
      X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, integer(number).get(), 0, 0) != 1 ||
      identifier == nullptr || X509_CRL_add_ext(crl.get(), identifier.get(), -1) != 1) {
    return tl::unexpected{openssl_error(Errc::invalid, "the revocation list cannot be made")};
  }
  for (const auto& one : revoked)
    CARDEA_CHECK(add(crl.get(), one));
  X509_CRL_sort(crl.get());
  const Bio out{BIO_new(BIO_s_mem())};
  if (X509_CRL_sign(crl.get(), key, EVP_sha256()) <= 0 || PEM_write_bio_X509_CRL(out.get(), crl.get()) != 1)
    return tl::unexpected{openssl_error(Errc::corrupt, "the authority cannot sign its revocation list")};
  return bio_text(out.get());
}

}  // namespace cardea::cms::ca
