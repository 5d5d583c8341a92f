#include "cardea/api/record.h"

#include <algorithm>

#include "cardea/api/kdf.h"

namespace cardea::api::record {
namespace {

constexpr std::string_view kName = "cardea/1 record";
constexpr std::size_t kSequenceAt = kName.size() + 2;
constexpr std::size_t kSequenceSize = 8;

Bytes labeled(std::string_view label, Direction direction, Aead aead) {
  Bytes info = to_bytes(as_bytes(label));
  info.push_back(static_cast<std::uint8_t>(direction));
  info.push_back(static_cast<std::uint8_t>(aead));
  return info;
}

Secret<kAeadKeySize> key_for(const Secret<64>& session_key, Direction direction, Aead aead) {
  const auto expanded =
      hkdf_expand_sha512(session_key.expose(), labeled("cardea/1 record key", direction, aead), kAeadKeySize);
  Secret<kAeadKeySize> key;
  std::ranges::copy(expanded.expose(), key.expose().begin());
  return key;
}

AeadNonce iv_for(const Secret<64>& session_key, Direction direction, Aead aead) {
  AeadNonce iv{};
  const auto expanded =
      hkdf_expand_sha512(session_key.expose(), labeled("cardea/1 record iv", direction, aead), iv.size());
  std::ranges::copy(expanded.expose(), iv.begin());
  return iv;
}

/// Everything but the sequence number, for which there is room.
Bytes aad_for(Direction direction, const Binding& binding) {
  Bytes aad = to_bytes(as_bytes(kName));
  aad.push_back(static_cast<std::uint8_t>(binding.aead));
  aad.push_back(static_cast<std::uint8_t>(direction));
  append_be64(aad, 0);
  append_be64(aad, binding.generation);
  append(aad, as_bytes(binding.session));
  return aad;
}

AeadNonce number(Bytes& aad, const AeadNonce& iv, std::uint64_t sequence) {
  AeadNonce nonce = iv;
  for (std::size_t i = 0; i < kSequenceSize; ++i) {
    const auto octet = static_cast<std::uint8_t>(sequence >> (8 * (kSequenceSize - 1 - i)));
    aad[kSequenceAt + i] = octet;
    nonce[nonce.size() - kSequenceSize + i] ^= octet;
  }
  return nonce;
}

}  // namespace

Sealer::Sealer(const Secret<64>& session_key, Direction direction, const Binding& binding)
    : key_{key_for(session_key, direction, binding.aead)},
      iv_{iv_for(session_key, direction, binding.aead)},
      aad_{aad_for(direction, binding)},
      aead_{binding.aead} {}

Result<Bytes> Sealer::seal(std::uint64_t sequence, BytesView plain) {
  if (sequence <= last_) return fail(Errc::conflict, "a record with this number was sealed already");
  const auto nonce = number(aad_, iv_, sequence);
  CARDEA_TRY(const auto sealed, aead_seal(aead_, key_, nonce, aad_, plain));
  last_ = sequence;
  Bytes out;
  out.reserve(1 + sealed.size());
  out.push_back(static_cast<std::uint8_t>(aead_));
  append(out, sealed);
  return out;
}

Opener::Opener(const Secret<64>& session_key, Direction direction, const Binding& binding, std::uint64_t next)
    : key_{key_for(session_key, direction, binding.aead)},
      iv_{iv_for(session_key, direction, binding.aead)},
      aad_{aad_for(direction, binding)},
      aead_{binding.aead},
      next_{next} {}

Result<SecretBytes> Opener::open(std::uint64_t sequence, BytesView record) {
  if (record.size() < kOverhead || record[0] != static_cast<std::uint8_t>(aead_)) {
    return fail(Errc::invalid, "this is no record of this session");
  }
  if (sequence != next_) return fail(Errc::conflict, "this record is not the next one");
  const auto nonce = number(aad_, iv_, sequence);
  CARDEA_TRY(auto plain, aead_open(aead_, key_, nonce, aad_, record.subspan(1)));
  ++next_;
  return plain;
}

}  // namespace cardea::api::record
