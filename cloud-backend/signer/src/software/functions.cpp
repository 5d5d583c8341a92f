// The functions of PKCS#11 that the signer calls, over one Token. Parameters come from our own code: lengths
// are looked at where a mistake could write beyond a buffer, nothing else is.

#include <openssl/rand.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <new>

#include "../curves.h"
#include "token.h"

namespace cardea::signer {

namespace {

using software::Template;
using software::Token;

constexpr CK_SLOT_ID kSlot = 0;
constexpr CK_SESSION_HANDLE kSession = 1;
constexpr std::size_t kLabel = 32;

std::unique_ptr<Token> the_token;
std::vector<CK_OBJECT_HANDLE> found;

/// What is between Init and the operation itself.
struct Pending {
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  CK_MECHANISM_TYPE mechanism = 0;
};
Pending signing;
Pending encryption;
Pending decryption;

BytesView view(const CK_BYTE* octets, CK_ULONG size) {
  return {octets, size};
}
Template view(const CK_ATTRIBUTE* attributes, CK_ULONG count) {
  return {attributes, count};
}

/// No exception crosses the interface.
template <class Work>
CK_RV guarded(Work work) noexcept {
  try {
    return the_token ? work(*the_token) : CKR_CRYPTOKI_NOT_INITIALIZED;
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (const std::exception&) {
    return CKR_GENERAL_ERROR;
  }
}

CK_RV initialize(void* /*arguments*/) {
  return CKR_OK;
}

CK_RV get_slot_list(CK_BBOOL /*present*/, CK_SLOT_ID* list, CK_ULONG* count) {
  if (list != nullptr && *count > 0) *list = kSlot;
  *count = 1;
  return CKR_OK;
}

CK_RV get_token_info(CK_SLOT_ID /*slot*/, CK_TOKEN_INFO* info) {
  return guarded([info](Token& token) {
    *info = CK_TOKEN_INFO{};
    std::ranges::fill(info->label, ' ');
    const auto label = token.store().label();
    std::ranges::copy(label, std::begin(info->label));
    if (!label.empty()) info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
    return CKR_OK;
  });
}

CK_RV get_mechanism_info(CK_SLOT_ID /*slot*/, CK_MECHANISM_TYPE mechanism, CK_MECHANISM_INFO* info) {
  switch (mechanism) {
    case CKM_AES_KEY_WRAP_PAD:
    case CKM_AES_KEY_GEN:
    case CKM_GENERIC_SECRET_KEY_GEN:
    case CKM_SHA256_HMAC:
    case CKM_RSA_PKCS_KEY_PAIR_GEN:
    case CKM_RSA_X_509:
    case CKM_EC_KEY_PAIR_GEN:
    case CKM_ECDSA:
    case CKM_ECDH1_DERIVE:
    case CKM_AES_ECB:
    case CKM_DES3_ECB:
    case CKM_EC_EDWARDS_KEY_PAIR_GEN:
    case kEcMontgomeryKeyPairGen:
    case CKM_EDDSA:
      *info = CK_MECHANISM_INFO{0, 0, ~CK_FLAGS{0}};
      return CKR_OK;
    default:
      return CKR_MECHANISM_INVALID;
  }
}

CK_RV init_token(CK_SLOT_ID /*slot*/, CK_UTF8CHAR* pin, CK_ULONG size, CK_UTF8CHAR* label) {
  return guarded([&](Token& token) {
    const auto name = view(label, kLabel);
    return token.init_token(std::string{name.begin(), name.end()}, view(pin, size));
  });
}

CK_RV init_pin(CK_SESSION_HANDLE /*session*/, CK_UTF8CHAR* pin, CK_ULONG size) {
  return guarded([&](Token& token) { return token.init_pin(view(pin, size)); });
}

CK_RV set_pin(CK_SESSION_HANDLE /*session*/, CK_UTF8CHAR* old_pin, CK_ULONG old_size, CK_UTF8CHAR* new_pin,
              CK_ULONG new_size) {
  return guarded(
      [&](Token& token) { return token.set_pin(view(old_pin, old_size), view(new_pin, new_size)); });
}

CK_RV open_session(CK_SLOT_ID /*slot*/, CK_FLAGS /*flags*/, void* /*application*/, CK_NOTIFY /*notify*/,
                   CK_SESSION_HANDLE* session) {
  *session = kSession;
  return CKR_OK;
}

CK_RV close_session(CK_SESSION_HANDLE /*session*/) {
  return guarded([](Token& token) {
    token.close_session();
    return CKR_OK;
  });
}

CK_RV get_session_info(CK_SESSION_HANDLE /*session*/, CK_SESSION_INFO* info) {
  return guarded([info](const Token& token) {
    *info = CK_SESSION_INFO{kSlot, token.state(), CKF_SERIAL_SESSION | CKF_RW_SESSION, 0};
    return CKR_OK;
  });
}

CK_RV login(CK_SESSION_HANDLE /*session*/, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  return guarded([&](Token& token) { return token.login(user, view(pin, size)); });
}

CK_RV logout(CK_SESSION_HANDLE /*session*/) {
  return guarded([](Token& token) { return token.logout(); });
}

CK_RV find_objects_init(CK_SESSION_HANDLE /*session*/, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  return guarded([&](Token& token) {
    found.clear();
    return token.find(view(wanted, count), found);
  });
}

CK_RV find_objects(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE* out, CK_ULONG room, CK_ULONG* count) {
  *count = std::min(static_cast<CK_ULONG>(found.size()), room);
  std::copy_n(found.begin(), *count, out);
  found.erase(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(*count));
  return CKR_OK;
}

CK_RV find_objects_final(CK_SESSION_HANDLE /*session*/) {
  found.clear();
  return CKR_OK;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* attributes,
                          CK_ULONG count) {
  return guarded([&](Token& token) {
    for (CK_ULONG i = 0; i < count; ++i) {
      if (const auto code = token.get(object, attributes[i]); code != CKR_OK) return code;
    }
    return CK_RV{CKR_OK};
  });
}

CK_RV generate_key(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_ATTRIBUTE* attributes,
                   CK_ULONG count, CK_OBJECT_HANDLE* key) {
  return guarded(
      [&](Token& token) { return token.generate_key(mechanism->mechanism, view(attributes, count), *key); });
}

CK_RV generate_key_pair(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_ATTRIBUTE* public_part,
                        CK_ULONG public_count, CK_ATTRIBUTE* private_part, CK_ULONG private_count,
                        CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key) {
  return guarded([&](Token& token) {
    return token.generate_pair(mechanism->mechanism, view(public_part, public_count),
                               view(private_part, private_count), *public_key, *private_key);
  });
}

CK_RV create_object(CK_SESSION_HANDLE /*session*/, CK_ATTRIBUTE* attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE* object) {
  return guarded([&](Token& token) { return token.create(view(attributes, count), *object); });
}

CK_RV copy_object(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* changes,
                  CK_ULONG count, CK_OBJECT_HANDLE* copy) {
  return guarded([&](Token& token) { return token.copy(object, view(changes, count), *copy); });
}

CK_RV destroy_object(CK_SESSION_HANDLE /*session*/, CK_OBJECT_HANDLE object) {
  return guarded([&](Token& token) { return token.destroy(object); });
}

CK_RV wrap_key(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* /*mechanism*/, CK_OBJECT_HANDLE wrapping,
               CK_OBJECT_HANDLE key, CK_BYTE* out, CK_ULONG* size) {
  return guarded([&](Token& token) {
    Bytes wrapped;
    if (const auto code = token.wrap(wrapping, key, wrapped); code != CKR_OK) return code;
    if (*size < wrapped.size()) return CK_RV{CKR_BUFFER_TOO_SMALL};
    std::ranges::copy(wrapped, out);
    *size = wrapped.size();
    return CK_RV{CKR_OK};
  });
}

CK_RV unwrap_key(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* /*mechanism*/, CK_OBJECT_HANDLE wrapping,
                 CK_BYTE* wrapped, CK_ULONG size, CK_ATTRIBUTE* attributes, CK_ULONG count,
                 CK_OBJECT_HANDLE* key) {
  return guarded([&](Token& token) {
    return token.unwrap(wrapping, view(wrapped, size), view(attributes, count), *key);
  });
}

CK_RV derive_key(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE base,
                 CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE* key) {
  return guarded([&](Token& token) {
    if (mechanism->mechanism != CKM_ECDH1_DERIVE ||
        mechanism->ulParameterLen != sizeof(CK_ECDH1_DERIVE_PARAMS)) {
      return CK_RV{CKR_MECHANISM_INVALID};
    }
    const auto* const parameters = static_cast<const CK_ECDH1_DERIVE_PARAMS*>(mechanism->pParameter);
    return token.derive(base, view(parameters->pPublicData, parameters->ulPublicDataLen),
                        view(attributes, count), *key);
  });
}

CK_RV sign_init(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  signing = {key, mechanism->mechanism};
  return CKR_OK;
}

CK_RV sign(CK_SESSION_HANDLE /*session*/, CK_BYTE* data, CK_ULONG size, CK_BYTE* out, CK_ULONG* out_size) {
  return guarded([&](Token& token) {
    std::size_t written = 0;
    const auto code = token.sign(signing.key, signing.mechanism, view(data, size), {out, *out_size}, written);
    *out_size = written;
    signing = {};
    return code;
  });
}

CK_RV encrypt_init(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  encryption = {key, mechanism->mechanism};
  return CKR_OK;
}

CK_RV encrypt(CK_SESSION_HANDLE /*session*/, CK_BYTE* data, CK_ULONG size, CK_BYTE* out, CK_ULONG* out_size) {
  return guarded([&](Token& token) {
    const auto code = token.encrypt(encryption.key, encryption.mechanism, view(data, size), {out, *out_size});
    *out_size = size;
    encryption = {};
    return code;
  });
}

CK_RV decrypt_init(CK_SESSION_HANDLE /*session*/, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  decryption = {key, mechanism->mechanism};
  return CKR_OK;
}

CK_RV decrypt(CK_SESSION_HANDLE /*session*/, CK_BYTE* data, CK_ULONG size, CK_BYTE* out, CK_ULONG* out_size) {
  return guarded([&](Token& token) {
    const auto code = token.decrypt(decryption.key, decryption.mechanism, view(data, size), {out, *out_size});
    *out_size = size;
    decryption = {};
    return code;
  });
}

CK_RV generate_random(CK_SESSION_HANDLE /*session*/, CK_BYTE* out, CK_ULONG size) {
  return RAND_bytes(out, static_cast<int>(size)) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_FUNCTION_LIST functions() {
  CK_FUNCTION_LIST out{};
  out.version = {2, 40};
  out.C_Initialize = &initialize;
  out.C_GetSlotList = &get_slot_list;
  out.C_GetTokenInfo = &get_token_info;
  out.C_GetMechanismInfo = &get_mechanism_info;
  out.C_InitToken = &init_token;
  out.C_InitPIN = &init_pin;
  out.C_SetPIN = &set_pin;
  out.C_OpenSession = &open_session;
  out.C_CloseSession = &close_session;
  out.C_GetSessionInfo = &get_session_info;
  out.C_Login = &login;
  out.C_Logout = &logout;
  out.C_FindObjectsInit = &find_objects_init;
  out.C_FindObjects = &find_objects;
  out.C_FindObjectsFinal = &find_objects_final;
  out.C_GetAttributeValue = &get_attribute_value;
  out.C_GenerateKey = &generate_key;
  out.C_GenerateKeyPair = &generate_key_pair;
  out.C_CreateObject = &create_object;
  out.C_CopyObject = &copy_object;
  out.C_DestroyObject = &destroy_object;
  out.C_WrapKey = &wrap_key;
  out.C_UnwrapKey = &unwrap_key;
  out.C_DeriveKey = &derive_key;
  out.C_SignInit = &sign_init;
  out.C_Sign = &sign;
  out.C_EncryptInit = &encrypt_init;
  out.C_Encrypt = &encrypt;
  out.C_DecryptInit = &decrypt_init;
  out.C_Decrypt = &decrypt;
  out.C_GenerateRandom = &generate_random;
  return out;
}

}  // namespace

const CK_FUNCTION_LIST* software_module(std::string_view directory) {
  static const CK_FUNCTION_LIST list = functions();
  the_token = std::make_unique<Token>(std::filesystem::path{directory});
  return &list;
}

}  // namespace cardea::signer
