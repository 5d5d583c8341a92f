// What somebody else has written to a card: refused, or within the limits that are promised.

#include <algorithm>
#include <cstdlib>

#include "cardea/service/card_certificate.h"

namespace {

constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxNames = 8;

void require(bool condition) {
  if (!condition) std::abort();
}

bool good(const std::string& text) {
  return !text.empty() && text.size() <= kMaxText &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

void check(cardea::BytesView der) {
  const auto facts = cardea::service::read_certificate(der, {"UID", "serialNumber"});
  cardea::card::PublicKey key;
  key.point = {4, 1, 2};
  (void)cardea::service::certifies(der, key);
  if (!facts) return;
  require(facts->name.empty() || good(facts->name));
  for (const auto* names : {&facts->upns, &facts->emails, &facts->uids}) {
    require(names->size() <= kMaxNames);
    require(std::ranges::all_of(*names, good));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const cardea::BytesView octets{data, size};
  check(octets);
  if (const auto der = cardea::service::certificate_in(octets)) {
    require(der->size() <= 32U * 1024);
    check(*der);
  }
  return 0;
}
