// TPM 2.0 Library, parts 1 to 3; TCG TPM v2.0 Provisioning Guidance 7.5.1 for the storage key's template.

#include <sodium.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <algorithm>
#include <memory>

#include "cardea/unseal/local_share.h"

namespace cardea::unseal {

namespace {

constexpr std::string_view kMagic = "cardea tpm 1";
constexpr std::size_t kAuth = 32;

Error tpm_error(const char* what, TSS2_RC code) {
  return {Errc::unavailable, std::string{"the TPM: "} + what + ": " + Tss2_RC_Decode(code)};
}

struct FreeEsys {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeEsys>;

/// A connection to a TPM with its storage key and an encrypted session; all of it goes with the object.
class Tpm {
 public:
  static Result<std::unique_ptr<Tpm>> open(const std::string& tcti) {
    std::unique_ptr<Tpm> tpm{new Tpm};
    auto code = Tss2_TctiLdr_Initialize(tcti.empty() ? "device:/dev/tpmrm0" : tcti.c_str(), &tpm->tcti_);
    if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("no connection", code)};
    code = Esys_Initialize(&tpm->context_, tpm->tcti_, nullptr);
    if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("no connection", code)};
    CARDEA_CHECK(tpm->make_storage_key());
    return tpm;
  }
  Tpm(const Tpm&) = delete;
  Tpm& operator=(const Tpm&) = delete;
  Tpm(Tpm&&) = delete;
  Tpm& operator=(Tpm&&) = delete;
  ~Tpm() {
    if (context_ != nullptr) {
      if (session_ != ESYS_TR_NONE) Esys_FlushContext(context_, session_);
      if (storage_ != ESYS_TR_NONE) Esys_FlushContext(context_, storage_);
      Esys_Finalize(&context_);
    }
    if (tcti_ != nullptr) Tss2_TctiLdr_Finalize(&tcti_);
  }

  [[nodiscard]] ESYS_CONTEXT* context() const { return context_; }
  [[nodiscard]] ESYS_TR storage() const { return storage_; }
  [[nodiscard]] ESYS_TR session() const { return session_; }

 private:
  Tpm() = default;

  Result<void> make_storage_key() {
    TPM2B_PUBLIC area{};
    auto& t = area.publicArea;
    t.type = TPM2_ALG_ECC;
    t.nameAlg = TPM2_ALG_SHA256;
    t.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT |
                         TPMA_OBJECT_NODA | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                         TPMA_OBJECT_SENSITIVEDATAORIGIN;
    auto& ecc = t.parameters.eccDetail;
    ecc.symmetric.algorithm = TPM2_ALG_AES;
    ecc.symmetric.keyBits.aes = 128;
    ecc.symmetric.mode.aes = TPM2_ALG_CFB;
    ecc.scheme.scheme = TPM2_ALG_NULL;
    ecc.curveID = TPM2_ECC_NIST_P256;
    ecc.kdf.scheme = TPM2_ALG_NULL;
    const TPM2B_SENSITIVE_CREATE nothing{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    auto code =
        Esys_CreatePrimary(context_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing,
                           &area, &outside, &pcrs, &storage_, nullptr, nullptr, nullptr, nullptr);
    if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("no storage key", code)};
    TPMT_SYM_DEF cipher{};
    cipher.algorithm = TPM2_ALG_AES;
    cipher.keyBits.aes = 128;
    cipher.mode.aes = TPM2_ALG_CFB;
    // Salted with the storage key: whoever listens to the bus cannot follow.
    code = Esys_StartAuthSession(context_, storage_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                 nullptr, TPM2_SE_HMAC, &cipher, TPM2_ALG_SHA256, &session_);
    if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("no session", code)};
    code = Esys_TRSess_SetAttributes(
        context_, session_, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION, 0xFF);
    if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("no session", code)};
    return {};
  }

  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* context_ = nullptr;
  ESYS_TR storage_ = ESYS_TR_NONE;
  ESYS_TR session_ = ESYS_TR_NONE;
};

void append_sized(Bytes& out, BytesView part) {
  append_be16(out, static_cast<std::uint16_t>(part.size()));
  append(out, part);
}

}  // namespace

Result<Bytes> seal_in_tpm(const std::string& tcti, const UnsealKey& key) {
  CARDEA_TRY(const auto tpm, Tpm::open(tcti));
  Secret<kAuth> auth;
  randombytes_buf(auth.expose().data(), auth.size());

  TPM2B_SENSITIVE_CREATE sensitive{};
  sensitive.sensitive.userAuth.size = kAuth;
  std::ranges::copy(auth.expose(), std::begin(sensitive.sensitive.userAuth.buffer));
  sensitive.sensitive.data.size = static_cast<UINT16>(key.size());
  std::ranges::copy(key.expose(), std::begin(sensitive.sensitive.data.buffer));
  TPM2B_PUBLIC area{};
  area.publicArea.type = TPM2_ALG_KEYEDHASH;
  area.publicArea.nameAlg = TPM2_ALG_SHA256;
  area.publicArea.objectAttributes =
      TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT;
  area.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  const TPM2B_DATA outside{};
  const TPML_PCR_SELECTION pcrs{};
  TPM2B_PRIVATE* secret_part = nullptr;
  TPM2B_PUBLIC* public_part = nullptr;
  const auto code =
      Esys_Create(tpm->context(), tpm->storage(), tpm->session(), ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                  &area, &outside, &pcrs, &secret_part, &public_part, nullptr, nullptr, nullptr);
  sodium_memzero(&sensitive, sizeof sensitive);
  const Owned<TPM2B_PRIVATE> owned_secret{secret_part};
  const Owned<TPM2B_PUBLIC> owned_public{public_part};
  if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("cannot seal", code)};

  Bytes marshalled(sizeof(TPM2B_PUBLIC));
  std::size_t size = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Marshal(public_part, marshalled.data(), marshalled.size(), &size) !=
      TSS2_RC_SUCCESS) {
    return fail(Errc::unavailable, "the TPM: cannot write down the sealed object");
  }
  marshalled.resize(size);
  Bytes out = to_bytes(as_bytes(kMagic));
  append_sized(out, std::as_const(auth).expose());
  append_sized(out, marshalled);
  append_sized(out, BytesView{secret_part->buffer, secret_part->size});
  return out;
}

Result<UnsealKey> unseal_in_tpm(const std::string& tcti, BytesView blob) {
  const auto damaged = fail(Errc::corrupt, "what the TPM has sealed is damaged");
  if (blob.size() < kMagic.size() || !equal(blob.first(kMagic.size()), as_bytes(kMagic))) return damaged;
  auto rest = blob.subspan(kMagic.size());
  bool whole_blob = true;
  const auto part = [&]() -> BytesView {
    if (rest.size() < 2 || rest.size() < 2 + read_be(rest.first(2))) {
      whole_blob = false;
      return {};
    }
    const auto out = rest.subspan(2, static_cast<std::size_t>(read_be(rest.first(2))));
    rest = rest.subspan(2 + out.size());
    return out;
  };
  const auto auth = part();
  const auto public_part = part();
  const auto secret_part = part();
  TPM2B_PUBLIC area{};
  TPM2B_PRIVATE sensitive{};
  std::size_t offset = 0;
  if (!whole_blob || !rest.empty() || auth.size() != kAuth || secret_part.size() > sizeof sensitive.buffer ||
      Tss2_MU_TPM2B_PUBLIC_Unmarshal(public_part.data(), public_part.size(), &offset, &area) !=
          TSS2_RC_SUCCESS) {
    return damaged;
  }
  sensitive.size = static_cast<UINT16>(secret_part.size());
  std::ranges::copy(secret_part, std::begin(sensitive.buffer));

  CARDEA_TRY(const auto tpm, Tpm::open(tcti));
  ESYS_TR object = ESYS_TR_NONE;
  auto code = Esys_Load(tpm->context(), tpm->storage(), tpm->session(), ESYS_TR_NONE, ESYS_TR_NONE,
                        &sensitive, &area, &object);
  if (code != TSS2_RC_SUCCESS) {
    return fail(Errc::denied, "the TPM does not know what was sealed: it is another one, or was cleared");
  }
  TPM2B_AUTH value{};
  value.size = kAuth;
  std::ranges::copy(auth, std::begin(value.buffer));
  code = Esys_TR_SetAuth(tpm->context(), object, &value);
  sodium_memzero(&value, sizeof value);
  TPM2B_SENSITIVE_DATA* data = nullptr;
  if (code == TSS2_RC_SUCCESS) {
    code = Esys_Unseal(tpm->context(), object, tpm->session(), ESYS_TR_NONE, ESYS_TR_NONE, &data);
  }
  const Owned<TPM2B_SENSITIVE_DATA> owned{data};
  Esys_FlushContext(tpm->context(), object);
  if (code != TSS2_RC_SUCCESS) return tl::unexpected{tpm_error("cannot unseal", code)};
  UnsealKey key;
  const bool fits = data->size == key.size();
  if (fits) std::copy_n(std::begin(data->buffer), key.size(), key.expose().begin());
  sodium_memzero(data, sizeof *data);
  if (!fits) return damaged;
  return key;
}

}  // namespace cardea::unseal
