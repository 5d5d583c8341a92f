#include "cardea/identity/enrolment.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

namespace cardea::identity {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford: no I, L, O, U
constexpr std::size_t kDigits = 20;                                         // 5 bits each
constexpr std::size_t kGroup = 5;
constexpr std::size_t kMaxName = 100;

std::string random_digits() {
  std::string digits(kDigits, '0');
  for (auto& digit : digits)
    digit = kAlphabet[randombytes_uniform(kAlphabet.size())];
  return digits;
}

std::string grouped(const std::string& digits) {
  std::string code;
  for (std::size_t i = 0; i < digits.size(); i += kGroup)
    code += (i == 0 ? "" : "-") + digits.substr(i, kGroup);
  return code;
}

/// What a person typed, as it was issued; empty when it can be no code.
std::string digits_of(std::string_view typed) {
  std::string digits;
  for (char c : typed) {
    if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if (kAlphabet.find(c) == std::string_view::npos || digits.size() == kDigits) return {};
    digits.push_back(c);
  }
  return digits.size() == kDigits ? digits : std::string{};
}

Bytes hash_of(const std::string& digits) {
  Bytes hash(crypto_hash_sha256_BYTES);
  crypto_hash_sha256(hash.data(), as_bytes(digits).data(), digits.size());
  return hash;
}

bool is_control(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet == 0x7F;
}

}  // namespace

Result<IssuedCode> Enrolment::create(const EnrolmentOffer& offer) {
  if (offer.valid <= std::chrono::milliseconds::zero() || offer.valid > kLongestValidity)
    return fail(Errc::invalid, "an enrolment code is valid for more than nothing and at most a week");
  const auto now = clock_.now();
  const auto digits = random_digits();
  CARDEA_CHECK(database_.add(store::EnrolmentCode{hash_of(digits), offer.organisation, offer.person,
                                                  offer.role, now, now + offer.valid}));
  return IssuedCode{grouped(digits), now + offer.valid};
}

Result<ProvenKey> Enrolment::prove(const EnrolmentRequest& request) const {
  CARDEA_CHECK(check_enrolment_proof(request.dpop, request.target, request.code, api::thumbprint(request.key),
                                     clock_.now()));
  return ProvenKey{request.key, digits_of(request.code)};
}

Result<store::Device> Enrolment::redeem(const ProvenKey& key, std::string_view name) {
  if (name.empty() || name.size() > kMaxName || std::any_of(name.begin(), name.end(), is_control))
    return fail(Errc::invalid, "a device's name has 1 to 100 octets and no control characters");
  constexpr auto kUnknown = "the enrolment code is unknown or was used already";
  if (key.digits_.empty()) return fail(Errc::denied, kUnknown);

  const auto now = clock_.now();
  store::Device device;
  device.id = api::thumbprint(key.key());
  device.name = name;
  device.public_key = to_bytes(key.key());
  device.created_at = now;
  auto added = database_.redeem(hash_of(key.digits_), std::move(device), now);
  if (!added && added.error().code == Errc::not_found) return fail(Errc::denied, kUnknown);
  return added;
}

Result<std::optional<std::string>> Enrolment::organisation_of(std::string_view code) {
  const auto digits = digits_of(code);
  if (digits.empty()) return std::nullopt;
  auto offered = database_.enrolment_code(hash_of(digits));
  if (!offered && offered.error().code != Errc::not_found) return tl::unexpected{offered.error()};
  if (!offered || offered->expires_at <= clock_.now()) return std::nullopt;
  return std::move(offered->organisation);
}

}  // namespace cardea::identity
