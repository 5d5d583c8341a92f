#pragma once

#include <p11-kit/pkcs11.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/result.h"

namespace cardea::signer {

/// The operator's view of a PKCS#11 failure: "C_Sign failed (CKR_DEVICE_ERROR)". `unavailable`, `denied`,
/// `exhausted`, `unsupported` where the code says so, else `corrupt`: the module refused data that it made
/// itself.
Error pkcs11_error(std::string_view function, CK_RV code);

/// Whether the session with the HSM is over, so that the process had better start anew.
bool session_lost(CK_RV code);

inline CK_BYTE_PTR octets(BytesView view) {
  return const_cast<CK_BYTE_PTR>(view.data());  // NOLINT(*-const-cast): Cryptoki has no const
}

template <class T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, const_cast<T*>(&value), sizeof(T)};  // NOLINT(*-const-cast): Cryptoki has no const
}
inline CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, BytesView value) {
  return {type, octets(value), value.size()};
}
inline constexpr CK_BBOOL kYes = CK_TRUE;
inline constexpr CK_BBOOL kNo = CK_FALSE;

/// A loaded and initialised PKCS#11 module. Never unloaded: modules start threads and register exit handlers.
class Module {
 public:
  /// `path`: of a PKCS#11 module, or `software:` and a directory for the token that is built in
  /// (software.h). Errors: `not_found` when the file is missing or is no PKCS#11 module; `unavailable`.
  static Result<Module> load(const std::filesystem::path& path);

  const CK_FUNCTION_LIST* operator->() const { return functions_; }

  /// The built-in token, which wraps keys in a form of its own.
  [[nodiscard]] bool software() const { return software_; }

  /// The slot whose token has this label. Errors: `not_found`.
  [[nodiscard]] Result<CK_SLOT_ID> find_token(std::string_view label) const;
  /// Any slot whose token is not initialised. Errors: `exhausted`.
  [[nodiscard]] Result<CK_SLOT_ID> find_blank() const;
  /// Errors: `unsupported`, naming the first mechanism that is missing.
  [[nodiscard]] Result<void> require_mechanisms(CK_SLOT_ID slot) const;

 private:
  Module(const CK_FUNCTION_LIST* functions, bool software) : functions_{functions}, software_{software} {}
  [[nodiscard]] Result<std::vector<CK_SLOT_ID>> slots() const;

  const CK_FUNCTION_LIST* functions_;
  bool software_;
};

/// One open session; closing it destroys its session objects.
class Session {
 public:
  static Result<Session> open(const Module& module, CK_SLOT_ID slot, bool writable);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&& other) noexcept : module_{other.module_}, handle_{other.handle_} {
    other.handle_ = CK_INVALID_HANDLE;
  }
  Session& operator=(Session&&) = delete;
  ~Session();

  /// `who` is for the sentence: "user" or "security officer". Errors: `denied` for a wrong or locked PIN.
  Result<void> login(CK_USER_TYPE type, std::string_view who, BytesView pin);

  /// Objects that match; at most 64.
  [[nodiscard]] Result<std::vector<CK_OBJECT_HANDLE>> find(std::vector<CK_ATTRIBUTE> attributes) const;
  /// One attribute's value.
  [[nodiscard]] Result<Bytes> get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  [[nodiscard]] const Module& module() const { return module_; }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }

 private:
  Session(const Module& module, CK_SESSION_HANDLE handle) : module_{module}, handle_{handle} {}

  Module module_;
  CK_SESSION_HANDLE handle_;
};

/// A session object that is destroyed when the scope ends, whatever happens.
class Ephemeral {
 public:
  Ephemeral(const Session& session, CK_OBJECT_HANDLE object) : session_{session}, object_{object} {}
  /// A token object instead, which stays.
  static Ephemeral borrowed(const Session& session, CK_OBJECT_HANDLE object) {
    Ephemeral out{session, object};
    out.stays_ = true;
    return out;
  }
  Ephemeral(const Ephemeral&) = delete;
  Ephemeral& operator=(const Ephemeral&) = delete;
  Ephemeral(Ephemeral&& other) noexcept
      : session_{other.session_}, object_{other.object_}, stays_{other.stays_} {
    other.object_ = CK_INVALID_HANDLE;
  }
  Ephemeral& operator=(Ephemeral&&) = delete;
  ~Ephemeral() {
    if (object_ != CK_INVALID_HANDLE && !stays_)
      session_.module()->C_DestroyObject(session_.handle(), object_);
  }

  [[nodiscard]] CK_OBJECT_HANDLE handle() const { return object_; }

 private:
  const Session& session_;
  CK_OBJECT_HANDLE object_;
  bool stays_ = false;
};

}  // namespace cardea::signer
