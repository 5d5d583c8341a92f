#include "cardea/signer/module.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cardea/signer/software.h"

namespace cardea::signer {

namespace {

struct Named {
  CK_ULONG value;
  const char* name;
};

constexpr Named kCodes[] = {
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY"},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR"},
    {CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED"},
    {CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD"},
    {CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY"},
    {CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID"},
    {CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID"},
    {CKR_DATA_INVALID, "CKR_DATA_INVALID"},
    {CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE"},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR"},
    {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY"},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED"},
    {CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED"},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID"},
    {CKR_KEY_NOT_WRAPPABLE, "CKR_KEY_NOT_WRAPPABLE"},
    {CKR_KEY_UNEXTRACTABLE, "CKR_KEY_UNEXTRACTABLE"},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID"},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID"},
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT"},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED"},
    {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED"},
    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT"},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID"},
    {CKR_TEMPLATE_INCOMPLETE, "CKR_TEMPLATE_INCOMPLETE"},
    {CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT"},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT"},
    {CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED"},
    {CKR_UNWRAPPING_KEY_HANDLE_INVALID, "CKR_UNWRAPPING_KEY_HANDLE_INVALID"},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN"},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED"},
    {CKR_WRAPPING_KEY_HANDLE_INVALID, "CKR_WRAPPING_KEY_HANDLE_INVALID"},
    {CKR_WRAPPED_KEY_INVALID, "CKR_WRAPPED_KEY_INVALID"},
    {CKR_WRAPPED_KEY_LEN_RANGE, "CKR_WRAPPED_KEY_LEN_RANGE"},
};

// What the operations of worker.cpp and provision.cpp use, with the use that each must allow.
struct Needed {
  CK_MECHANISM_TYPE mechanism;
  CK_FLAGS flags;
  const char* name;
};

constexpr Needed kNeeded[] = {
    {CKM_AES_KEY_WRAP_PAD, CKF_WRAP | CKF_UNWRAP, "CKM_AES_KEY_WRAP_PAD"},
    {CKM_AES_KEY_GEN, CKF_GENERATE, "CKM_AES_KEY_GEN"},
    {CKM_SHA256_HMAC, CKF_SIGN, "CKM_SHA256_HMAC"},
    {CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, "CKM_RSA_PKCS_KEY_PAIR_GEN"},
    {CKM_RSA_X_509, CKF_SIGN, "CKM_RSA_X_509"},
    {CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, "CKM_EC_KEY_PAIR_GEN"},
    {CKM_ECDSA, CKF_SIGN, "CKM_ECDSA"},
    {CKM_ECDH1_DERIVE, CKF_DERIVE, "CKM_ECDH1_DERIVE"},
    {CKM_AES_ECB, CKF_ENCRYPT | CKF_DECRYPT, "CKM_AES_ECB"},
    {CKM_DES3_ECB, CKF_ENCRYPT | CKF_DECRYPT, "CKM_DES3_ECB"},
};

Errc errc_of(CK_RV code) {
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
      return Errc::denied;
    case CKR_MECHANISM_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
      return Errc::unsupported;
    case CKR_DEVICE_MEMORY:
    case CKR_SESSION_COUNT:
      return Errc::exhausted;
    case CKR_HOST_MEMORY:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
      return Errc::unavailable;
    default:
      return session_lost(code) ? Errc::unavailable : Errc::corrupt;
  }
}

std::string_view trimmed_label(const CK_TOKEN_INFO& info) {
  std::string_view label{reinterpret_cast<const char*>(info.label),
                         sizeof info.label};  // NOLINT(*-reinterpret-cast): CK_UTF8CHAR
  const auto end = label.find_last_not_of(' ');
  return label.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

}  // namespace

bool session_lost(CK_RV code) {
  switch (code) {
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_REMOVED:
    // Handles that the module gave out itself: if they do not hold, nothing does.
    case CKR_KEY_HANDLE_INVALID:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_UNWRAPPING_KEY_HANDLE_INVALID:
    case CKR_WRAPPING_KEY_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_USER_NOT_LOGGED_IN:
      return true;
    default:
      return false;
  }
}

Error pkcs11_error(std::string_view function, CK_RV code) {
  const auto* found = std::ranges::find(kCodes, code, &Named::value);
  const auto name = found == std::end(kCodes) ? "code " + std::to_string(code) : std::string{found->name};
  return {errc_of(code), std::string{function} + " failed (" + name + ")"};
}

Result<Module> Module::load(const std::filesystem::path& path) {
  if (const std::string_view name = path.native(); name.starts_with(kSoftwareModule)) {
    return Module{software_module(name.substr(kSoftwareModule.size())), true};
  }
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return fail(Errc::not_found, "there is no PKCS#11 module at " + path.string());
  }
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): one thread
    return fail(Errc::not_found,
                "the PKCS#11 module cannot be loaded: " + std::string{why ? why : "unknown reason"});
  }
  void* symbol = ::dlsym(library, "C_GetFunctionList");
  const auto entry =
      reinterpret_cast<CK_C_GetFunctionList>(symbol);  // NOLINT(*-reinterpret-cast): from dlsym
  CK_FUNCTION_LIST_PTR functions = nullptr;
  if (entry == nullptr || entry(&functions) != CKR_OK || functions == nullptr) {
    return fail(Errc::not_found, path.string() + " is not a PKCS#11 module");
  }
  if (const auto code = functions->C_Initialize(nullptr);
      code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    auto error = pkcs11_error("C_Initialize", code);
    error.code = Errc::unavailable;
    return tl::unexpected{std::move(error)};
  }
  return Module{functions, false};
}

Result<std::vector<CK_SLOT_ID>> Module::slots() const {
  CK_ULONG count = 0;
  if (const auto code = functions_->C_GetSlotList(CK_TRUE, nullptr, &count); code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GetSlotList", code)};
  }
  std::vector<CK_SLOT_ID> out(count);
  if (const auto code = functions_->C_GetSlotList(CK_TRUE, out.data(), &count); code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GetSlotList", code)};
  }
  out.resize(count);
  return out;
}

Result<CK_SLOT_ID> Module::find_token(std::string_view label) const {
  CARDEA_TRY(const auto all, slots());
  for (const auto slot : all) {
    CK_TOKEN_INFO info{};
    if (functions_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) != 0 && trimmed_label(info) == label) return slot;
  }
  return fail(Errc::not_found,
              "the PKCS#11 module has no token with the label \"" + std::string{label} + "\"");
}

Result<CK_SLOT_ID> Module::find_blank() const {
  CARDEA_TRY(const auto all, slots());
  for (const auto slot : all) {
    CK_TOKEN_INFO info{};
    if (functions_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) return slot;
  }
  return fail(Errc::exhausted, "the PKCS#11 module has no slot for a new token");
}

Result<void> Module::require_mechanisms(CK_SLOT_ID slot) const {
  for (const auto& needed : kNeeded) {
    CK_MECHANISM_INFO info{};
    const auto code = functions_->C_GetMechanismInfo(slot, needed.mechanism, &info);
    if (code != CKR_OK || (info.flags & needed.flags) != needed.flags) {
      return fail(Errc::unsupported, "the PKCS#11 module lacks the mechanism " + std::string{needed.name});
    }
  }
  return {};
}

Result<Session> Session::open(const Module& module, CK_SLOT_ID slot, bool writable) {
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0UL);
  if (const auto code = module->C_OpenSession(slot, flags, nullptr, nullptr, &handle); code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_OpenSession", code)};
  }
  return Session{module, handle};
}

Session::~Session() {
  if (handle_ != CK_INVALID_HANDLE) module_->C_CloseSession(handle_);
}

Result<void> Session::login(CK_USER_TYPE type, std::string_view who, BytesView pin) {
  const auto code = module_->C_Login(handle_, type, octets(pin), pin.size());
  if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return {};
  if (code == CKR_PIN_INCORRECT || code == CKR_PIN_LEN_RANGE || code == CKR_PIN_INVALID) {
    return fail(Errc::denied, "the token refuses the PIN of the " + std::string{who});
  }
  if (code == CKR_PIN_LOCKED) return fail(Errc::denied, "the PIN of the " + std::string{who} + " is locked");
  return tl::unexpected{pkcs11_error("C_Login", code)};
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::find(std::vector<CK_ATTRIBUTE> attributes) const {
  if (const auto code = module_->C_FindObjectsInit(handle_, attributes.data(), attributes.size());
      code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_FindObjectsInit", code)};
  }
  std::array<CK_OBJECT_HANDLE, 64> found{};
  CK_ULONG count = 0;
  const auto code = module_->C_FindObjects(handle_, found.data(), found.size(), &count);
  module_->C_FindObjectsFinal(handle_);
  if (code != CKR_OK) return tl::unexpected{pkcs11_error("C_FindObjects", code)};
  return std::vector<CK_OBJECT_HANDLE>(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count));
}

Result<Bytes> Session::get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  Bytes value(1024);
  CK_ATTRIBUTE wanted{type, value.data(), value.size()};
  if (const auto code = module_->C_GetAttributeValue(handle_, object, &wanted, 1); code != CKR_OK) {
    return tl::unexpected{pkcs11_error("C_GetAttributeValue", code)};
  }
  value.resize(wanted.ulValueLen);
  return value;
}

}  // namespace cardea::signer
