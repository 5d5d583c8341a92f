#include "cardea/windows/seal.h"

#include <windows.h>
// After windows.h, whose types it uses.
#include <wincrypt.h>

#include "cardea/windows/text.h"

namespace cardea::windows {
namespace {

DATA_BLOB blob(BytesView octets) {
  // NOLINTNEXTLINE(*-const-cast): Windows only reads it
  return {static_cast<DWORD>(octets.size()), const_cast<BYTE*>(octets.data())};
}

}  // namespace

Result<Bytes> seal(const SecretBytes& secret, std::string_view purpose) {
  auto in = blob(secret.expose());
  auto more = blob(as_bytes(purpose));
  DATA_BLOB out{};
  if (::CryptProtectData(&in, nullptr, &more, nullptr, nullptr, CRYPTPROTECT_UI_FORBIDDEN, &out) == 0)
    return fail(Errc::unavailable, "sealing a secret: " + error_text(::GetLastError()));
  Bytes sealed{out.pbData, out.pbData + out.cbData};
  ::LocalFree(out.pbData);
  return sealed;
}

Result<SecretBytes> unseal(BytesView sealed, std::string_view purpose) {
  auto in = blob(sealed);
  auto more = blob(as_bytes(purpose));
  DATA_BLOB out{};
  if (::CryptUnprotectData(&in, nullptr, &more, nullptr, nullptr, CRYPTPROTECT_UI_FORBIDDEN, &out) == 0)
    return fail(Errc::corrupt, "not sealed for this user on this machine");
  const std::span plain{out.pbData, out.cbData};
  SecretBytes secret{plain};
  wipe(plain);
  ::LocalFree(out.pbData);
  return secret;
}

}  // namespace cardea::windows
