#include "cardea/unseal/secrets_file.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "cardea/hex.h"
#include "private_file.h"

namespace cardea::unseal {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kRoom = 1024;

template <std::size_t N>
bool read_hex(const Json& value, std::array<std::uint8_t, N>& out) {
  if (!value.is_string()) return false;
  const auto octets = from_hex(value.get<std::string>());
  if (!octets || octets->size() != N) return false;
  std::ranges::copy(*octets, out.begin());
  return true;
}

}  // namespace

Secrets Secrets::clone() const {
  return {user.clone(), officer.clone(), old_user.clone(), old_officer.clone()};
}

Bytes SecretsFile::context() const {
  Bytes out = to_bytes(as_bytes(std::string_view{"cardea secrets 1"}));
  append(out, key);
  out.push_back(static_cast<std::uint8_t>(threshold));
  for (const auto& share : shares)
    append(out, share);
  return out;
}

Result<SecretsFile> SecretsFile::make(const UnsealKey& key, unsigned threshold,
                                      std::vector<std::array<std::uint8_t, 32>> shares,
                                      const Secrets& secrets) {
  if (threshold < 2 || shares.size() < threshold || shares.size() > 16) {
    return fail(Errc::invalid,
                "there are 2 to 16 shares, and the threshold is 2 or more and not above their number");
  }
  SecretsFile out;
  out.key = key_id(key);
  out.threshold = threshold;
  out.shares = std::move(shares);
  SecretBytes plain{kRoom};
  std::size_t size = 0;
  for (const auto* secret : {&secrets.user, &secrets.officer, &secrets.old_user, &secrets.old_officer}) {
    if (secret->size() > 255) return fail(Errc::invalid, "a PIN has at most 255 octets");
    plain.expose()[size++] = static_cast<std::uint8_t>(secret->size());
    std::ranges::copy(secret->expose(), plain.expose().begin() + static_cast<std::ptrdiff_t>(size));
    size += secret->size();
  }
  out.sealed.resize(kNonce + size + kTag);
  randombytes_buf(out.sealed.data(), kNonce);
  const auto aad = out.context();
  (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out.sealed.data() + kNonce, nullptr, plain.expose().data(),
                                                   size, aad.data(), aad.size(), nullptr, out.sealed.data(),
                                                   key.expose().data());
  return out;
}

Result<Secrets> SecretsFile::open(const UnsealKey& unseal_key) const {
  if (key_id(unseal_key) != key) return fail(Errc::denied, "this key does not open the file of secrets");
  const auto damaged = fail(Errc::corrupt, "the file of secrets is damaged: restore it from a backup");
  if (sealed.size() < kNonce + kTag || sealed.size() > kRoom) return damaged;
  SecretBytes plain{sealed.size() - kNonce - kTag};
  const auto aad = context();
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plain.expose().data(), nullptr, nullptr, sealed.data() + kNonce, sealed.size() - kNonce, aad.data(),
          aad.size(), sealed.data(), unseal_key.expose().data()) != 0) {
    return damaged;
  }
  Secrets out;
  auto rest = std::as_const(plain).expose();
  for (auto* secret : {&out.user, &out.officer, &out.old_user, &out.old_officer}) {
    if (rest.empty() || rest.size() < 1U + rest.front()) return damaged;
    *secret = SecretBytes{rest.subspan(1, rest.front())};
    rest = rest.subspan(1U + rest.front());
  }
  if (!rest.empty() || out.user.empty()) return damaged;
  return out;
}

Result<std::optional<SecretsFile>> SecretsFile::load(const std::filesystem::path& path) {
  CARDEA_TRY(const auto octets, read_private_file(path));
  if (!octets) return std::nullopt;
  const auto damaged =
      fail(Errc::corrupt, "the file " + path.string() + " is damaged: restore it from a backup");
  const auto root = Json::parse(octets->begin(), octets->end(), nullptr, false);
  if (!root.is_object() || root.value("format", 0) != 1) return damaged;
  SecretsFile out;
  out.threshold = root.value("threshold", 0U);
  if (!root.contains("key") || !read_hex(root["key"], out.key)) return damaged;
  if (!root.contains("shares") || !root["shares"].is_array()) return damaged;
  for (const auto& share : root["shares"]) {
    if (!read_hex(share, out.shares.emplace_back())) return damaged;
  }
  const auto sealed = from_hex(root.value("sealed", std::string{}));
  if (!sealed || sealed->empty() || out.threshold < 2 || out.shares.size() < out.threshold) return damaged;
  out.sealed = *sealed;
  return out;
}

Result<void> SecretsFile::save(const std::filesystem::path& path) const {
  auto list = Json::array();
  for (const auto& share : shares)
    list.push_back(to_hex(share));
  const Json root{{"format", 1},
                  {"key", to_hex(key)},
                  {"threshold", threshold},
                  {"shares", list},
                  {"sealed", to_hex(sealed)}};
  const auto text = root.dump(2) + "\n";
  return replace_private_file(path, as_bytes(text));
}

}  // namespace cardea::unseal
