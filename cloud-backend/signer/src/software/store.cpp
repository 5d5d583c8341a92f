#include "store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "cardea/hex.h"
#include "key.h"

namespace cardea::signer::software {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kTokenMagic = "cardea software token 1\n";
constexpr std::string_view kObjectMagic = "cardea software object 1\n";
constexpr const char* kTokenFile = "token";
constexpr const char* kSuffix = ".object";
constexpr std::size_t kLabel = 32;
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kEnvelope = kNonce + 32 + kTag;  // the token key under a PIN
constexpr std::size_t kTokenSize = kTokenMagic.size() + kLabel + 2 * kEnvelope;

/// nonce ‖ AES-256-GCM(plain) ‖ tag
bool seal(const Secret<32>& key, BytesView plain, BytesView bound, Bytes& out) {
  out.resize(kNonce + plain.size() + kTag);
  const CipherContext ctx{EVP_CIPHER_CTX_new()};
  int n = 0;
  return ctx && RAND_bytes(out.data(), kNonce) == 1 &&
         EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.expose().data(), out.data()) == 1 &&
         EVP_EncryptUpdate(ctx.get(), nullptr, &n, bound.data(), static_cast<int>(bound.size())) == 1 &&
         EVP_EncryptUpdate(ctx.get(), out.data() + kNonce, &n, plain.data(),
                           static_cast<int>(plain.size())) == 1 &&
         EVP_EncryptFinal_ex(ctx.get(), out.data() + kNonce + n, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, kTag, out.data() + kNonce + plain.size()) == 1;
}

bool open_sealed(const Secret<32>& key, BytesView sealed, BytesView bound, std::span<std::uint8_t> out) {
  if (sealed.size() != kNonce + out.size() + kTag) return false;
  auto tag = to_bytes(sealed.last(kTag));
  const CipherContext ctx{EVP_CIPHER_CTX_new()};
  int n = 0;
  return ctx &&
         EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, key.expose().data(), sealed.data()) == 1 &&
         EVP_DecryptUpdate(ctx.get(), nullptr, &n, bound.data(), static_cast<int>(bound.size())) == 1 &&
         EVP_DecryptUpdate(ctx.get(), out.data(), &n, sealed.data() + kNonce, static_cast<int>(out.size())) ==
             1 &&
         EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(ctx.get(), out.data() + n, &n) == 1;
}

std::string_view purpose(CK_USER_TYPE user) {
  return user == CKU_SO ? "cardea software so 1" : "cardea software user 1";
}

/// PINs here are 32 random hexadecimal digits or better: there is nothing to stretch.
Secret<32> pin_key(CK_USER_TYPE user, BytesView pin) {
  Secret<32> out;
  unsigned size = 0;
  const auto label = as_bytes(purpose(user));
  ::HMAC(EVP_sha256(), pin.data(), static_cast<int>(pin.size()), label.data(), label.size(),
         out.expose().data(), &size);
  return out;
}

std::size_t envelope_at(CK_USER_TYPE user) {
  return kTokenMagic.size() + kLabel + (user == CKU_SO ? kEnvelope : 0);
}

}  // namespace

Bytes Store::slurp(const std::string& name) const {
  std::ifstream in{directory_ / name, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

bool Store::replace(const std::string& name, BytesView content) const {
  const auto draft = directory_ / (name + ".new");
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool whole = ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                     ::fsync(file) == 0;
  ::close(file);
  if (!whole || ::rename(draft.c_str(), (directory_ / name).c_str()) != 0) return false;
  const int folder = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool durable = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  return durable;
}

bool Store::initialised() const {
  const auto file = slurp(kTokenFile);
  return file.size() == kTokenSize && equal(BytesView{file}.first(kTokenMagic.size()), as_bytes(kTokenMagic));
}

std::string Store::label() const {
  if (!initialised()) return {};
  const auto file = slurp(kTokenFile);
  const auto field = BytesView{file}.subspan(kTokenMagic.size(), kLabel);
  return {field.begin(), field.end()};
}

CK_RV Store::initialise(std::string_view label, BytesView so_pin) const {
  if (initialised() || label.size() != kLabel) return CKR_FUNCTION_FAILED;
  Bytes file = to_bytes(as_bytes(kTokenMagic));
  append(file, as_bytes(label));
  file.resize(kTokenSize);  // the user has no PIN yet: an envelope of zeroes opens with none
  if (!replace(kTokenFile, file)) return CKR_DEVICE_ERROR;
  Secret<32> token_key;
  if (RAND_priv_bytes(token_key.expose().data(), static_cast<int>(token_key.size())) != 1)
    return CKR_DEVICE_ERROR;
  return set_pin(CKU_SO, so_pin, token_key);
}

CK_RV Store::open(CK_USER_TYPE user, BytesView pin, Secret<32>& token_key) const {
  const auto file = slurp(kTokenFile);
  if (file.size() != kTokenSize) return CKR_TOKEN_NOT_RECOGNIZED;
  const auto envelope = BytesView{file}.subspan(envelope_at(user), kEnvelope);
  if (!open_sealed(pin_key(user, pin), envelope, as_bytes(kTokenMagic), token_key.expose()))
    return CKR_PIN_INCORRECT;
  return CKR_OK;
}

CK_RV Store::set_pin(CK_USER_TYPE user, BytesView pin, const Secret<32>& token_key) const {
  auto file = slurp(kTokenFile);
  Bytes envelope;
  if (file.size() != kTokenSize ||
      !seal(pin_key(user, pin), token_key.expose(), as_bytes(kTokenMagic), envelope)) {
    return CKR_DEVICE_ERROR;
  }
  std::ranges::copy(envelope, file.begin() + static_cast<std::ptrdiff_t>(envelope_at(user)));
  return replace(kTokenFile, file) ? CKR_OK : CKR_DEVICE_ERROR;
}

std::vector<std::string> Store::names() const {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at{directory_, error}, end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == kSuffix) out.push_back(at->path().filename().string());
  }
  std::ranges::sort(out);
  return out;
}

CK_RV Store::read(const std::string& name, const Secret<32>& token_key, SecretBytes& content) const {
  const auto file = slurp(name);
  const BytesView view{file};
  if (view.size() < kObjectMagic.size() + kNonce + kTag ||
      !equal(view.first(kObjectMagic.size()), as_bytes(kObjectMagic))) {
    return CKR_DEVICE_ERROR;
  }
  // The name is bound: a file put in another's place is damaged.
  const auto sealed = view.subspan(kObjectMagic.size());
  content = SecretBytes{sealed.size() - kNonce - kTag};
  return open_sealed(token_key, sealed, as_bytes(name), content.expose()) ? CKR_OK : CKR_DEVICE_ERROR;
}

CK_RV Store::write(BytesView content, const Secret<32>& token_key, std::string& name) const {
  Bytes id(16);
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1) return CKR_DEVICE_ERROR;
  name = to_hex(id) + kSuffix;
  Bytes sealed;
  if (!seal(token_key, content, as_bytes(name), sealed)) return CKR_DEVICE_ERROR;
  const auto file = concat({as_bytes(kObjectMagic), sealed});
  return replace(name, file) ? CKR_OK : CKR_DEVICE_ERROR;
}

CK_RV Store::remove(const std::string& name) const {
  return ::unlink((directory_ / name).c_str()) == 0 || errno == ENOENT ? CKR_OK : CKR_DEVICE_ERROR;
}

}  // namespace cardea::signer::software
