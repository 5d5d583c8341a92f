#include <algorithm>
#include <array>

#include "cardea/service/issuing.h"

namespace cardea::service {
namespace {

struct Kind {
  const char* kind;   // stored
  const char* words;  // for people
  std::vector<std::string> CertificateFacts::*values;
};

constexpr std::array kKinds{
    Kind{"uid", "user identifiers", &CertificateFacts::uids},
    Kind{"upn", "user principal names", &CertificateFacts::upns},
    Kind{"email", "e-mail addresses", &CertificateFacts::emails},
};

bool have_common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(a, [&b](const auto& value) { return std::ranges::find(b, value) != b.end(); });
}

Result<void> check_same(const SlotCertificate& a, const SlotCertificate& b) {
  const auto which = "the certificates in " + a.slot + " and " + b.slot;
  bool known = false;
  for (const auto& kind : kKinds) {
    const auto& of_a = a.facts.*kind.values;
    const auto& of_b = b.facts.*kind.values;
    if (of_a.empty() || of_b.empty()) continue;
    if (!have_common(of_a, of_b)) {
      return fail(Errc::conflict, which + " name different people: their " + kind.words + " are " +
                                      of_a.front() + " and " + of_b.front());
    }
    known = true;
  }
  if (known || a.facts.name.empty() || b.facts.name.empty() || a.facts.name == b.facts.name) return {};
  return fail(Errc::conflict, which + " name different people: '" + a.facts.name + "' and '" + b.facts.name +
                                  "', without an identifier that both have");
}

}  // namespace

Result<HolderNames> holder_named_by(const std::vector<SlotCertificate>& certificates) {
  HolderNames names;
  for (auto at = certificates.begin(); at != certificates.end(); ++at) {
    for (auto other = at + 1; other != certificates.end(); ++other)
      CARDEA_CHECK(check_same(*at, *other));
    if (names.name.empty()) names.name = at->facts.name;
    for (const auto& kind : kKinds) {
      for (const auto& value : at->facts.*kind.values) {
        store::PersonIdentifier identifier{kind.kind, value};
        if (std::ranges::find(names.identifiers, identifier) == names.identifiers.end())
          names.identifiers.push_back(std::move(identifier));
      }
    }
    if (names.email.empty() && !at->facts.emails.empty()) names.email = at->facts.emails.front();
  }
  if (names.name.empty()) {
    return fail(Errc::invalid,
                "no certificate on the card names its holder: their subjects have no common name");
  }
  return names;
}

}  // namespace cardea::service
