#include "piv/signature.h"

#include "cardea/apdu/tlv.h"

namespace cardea::card::piv {

namespace {

/// A positive number without superfluous zeroes, with one where the first bit would make it negative.
Bytes der_integer(BytesView number) {
  while (number.size() > 1 && number.front() == 0)
    number = number.subspan(1);
  Bytes value;
  if ((number.front() & 0x80U) != 0) value.push_back(0);
  append(value, number);
  return apdu::make_tlv(0x02, value);
}

}  // namespace

Bytes fit_hash(BytesView hash, std::size_t size) {
  if (hash.size() >= size) return to_bytes(hash.first(size));
  Bytes out(size - hash.size());
  append(out, hash);
  return out;
}

Bytes der_signature(BytesView r_s) {
  const auto half = r_s.size() / 2;
  if (half == 0) return {};
  const auto r = der_integer(r_s.first(half));
  const auto s = der_integer(r_s.last(half));
  return apdu::make_template(0x30, {r, s});
}

}  // namespace cardea::card::piv
