// A PKCS#11 module between the signer and another module: it writes down which session objects come and go,
// and spoils signatures now and then. By environment:
//   CARDEA_SHIM_MODULE  the module behind it
//   CARDEA_SHIM_LOG     a file; a line a call: "PID made HANDLE", "PID gone HANDLE", "PID signed CODE"
//   CARDEA_SHIM_FAULT   n: every n-th signature is wrong, fails, or ends the session, in turn; 0 or absent:
//   none

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <span>

namespace {

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST ours;
int log_file = -1;
unsigned long fault_every = 0;
unsigned long signatures = 0;
bool of_user_key = false;  // the signature that was begun is no MAC

void note(const char* what, CK_ULONG value) {
  if (log_file < 0) return;
  char line[64];
  const int size = std::snprintf(line, sizeof line, "%d %s %lu\n", ::getpid(), what, value);
  if (size > 0 && ::write(log_file, line, static_cast<std::size_t>(size)) != size) std::abort();
}

bool stays(std::span<const CK_ATTRIBUTE> attributes) {
  for (const auto& attribute : attributes) {
    if (attribute.type == CKA_TOKEN) return *static_cast<const CK_BBOOL*>(attribute.pValue) == CK_TRUE;
  }
  return false;
}

void made(CK_RV code, std::span<const CK_ATTRIBUTE> attributes, CK_OBJECT_HANDLE object) {
  if (code == CKR_OK && !stays(attributes)) note("made", object);
}

CK_RV unwrap_key(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE wrapping,
                 CK_BYTE* wrapped, CK_ULONG size, CK_ATTRIBUTE* attributes, CK_ULONG count,
                 CK_OBJECT_HANDLE* key) {
  const auto code = real->C_UnwrapKey(session, mechanism, wrapping, wrapped, size, attributes, count, key);
  made(code, {attributes, count}, *key);
  return code;
}

CK_RV derive_key(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE base,
                 CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE* key) {
  const auto code = real->C_DeriveKey(session, mechanism, base, attributes, count, key);
  made(code, {attributes, count}, *key);
  return code;
}

CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE* attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE* object) {
  const auto code = real->C_CreateObject(session, attributes, count, object);
  made(code, {attributes, count}, *object);
  return code;
}

CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_ATTRIBUTE* public_part,
                        CK_ULONG public_count, CK_ATTRIBUTE* private_part, CK_ULONG private_count,
                        CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key) {
  const auto code = real->C_GenerateKeyPair(session, mechanism, public_part, public_count, private_part,
                                            private_count, public_key, private_key);
  made(code, {public_part, public_count}, *public_key);
  made(code, {private_part, private_count}, *private_key);
  return code;
}

CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  const auto code = real->C_DestroyObject(session, object);
  if (code == CKR_OK) note("gone", object);
  return code;
}

CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  of_user_key = mechanism->mechanism == CKM_ECDSA || mechanism->mechanism == CKM_RSA_X_509;
  return real->C_SignInit(session, mechanism, key);
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* out, CK_ULONG* out_size) {
  auto code = real->C_Sign(session, data, size, out, out_size);
  if (!of_user_key) return code;
  ++signatures;
  if (fault_every != 0 && signatures % fault_every == 0 && code == CKR_OK) {
    switch (signatures / fault_every % 3) {
      case 1:
        out[*out_size - 1] ^= 1U;
        break;
      case 2:
        code = CKR_FUNCTION_FAILED;
        break;
      default:
        code = CKR_DEVICE_ERROR;
        break;
    }
  }
  note("signed", code);
  return code;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (real == nullptr) {
    const char* const module = std::getenv("CARDEA_SHIM_MODULE");
    void* const library = module == nullptr ? nullptr : ::dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return CKR_GENERAL_ERROR;
    const auto entry = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (entry == nullptr || entry(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    if (const char* const log = std::getenv("CARDEA_SHIM_LOG"))
      log_file = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (const char* const every = std::getenv("CARDEA_SHIM_FAULT"))
      fault_every = std::strtoul(every, nullptr, 10);
    ours = *real;
    ours.C_UnwrapKey = &unwrap_key;
    ours.C_DeriveKey = &derive_key;
    ours.C_CreateObject = &create_object;
    ours.C_GenerateKeyPair = &generate_key_pair;
    ours.C_DestroyObject = &destroy_object;
    ours.C_SignInit = &sign_init;
    ours.C_Sign = &sign;
  }
  *list = &ours;
  return CKR_OK;
}
