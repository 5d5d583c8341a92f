#include "cardea/windows/owner_only.h"

#include <sddl.h>

#include <vector>

#include "cardea/windows/handle.h"
#include "cardea/windows/text.h"

namespace cardea::windows {

Result<OwnerOnly> OwnerOnly::make() {
  const auto user = user_of();
  if (user.empty()) return fail(Errc::unavailable, "Windows does not tell whose process this is");
  // D:P  a list of its own, nothing from above; OICI  what is made in a directory inherits it; FA everything;
  // SY  the system.
  const auto text = widened("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;" + user + ")");
  OwnerOnly out;
  PSECURITY_DESCRIPTOR raw = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &raw, nullptr) ==
      0)
    return fail(Errc::unavailable, "owner-only access: " + error_text(::GetLastError()));
  out.descriptor_.reset(raw);
  out.attributes_ = {sizeof out.attributes_, raw, FALSE};
  return out;
}

std::string user_of(HANDLE process) {
  HANDLE raw = nullptr;
  if (::OpenProcessToken(process, TOKEN_QUERY, &raw) == 0) return {};
  const Handle token{raw};
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenUser, nullptr, 0, &size);
  std::vector<std::max_align_t> memory(size / sizeof(std::max_align_t) + 1);
  if (::GetTokenInformation(token.get(), TokenUser, memory.data(), size, &size) == 0) return {};
  const auto* const user = static_cast<const TOKEN_USER*>(static_cast<const void*>(memory.data()));
  wchar_t* text = nullptr;
  if (::ConvertSidToStringSidW(user->User.Sid, &text) == 0) return {};
  auto out = narrowed(text);
  ::LocalFree(text);
  return out;
}

}  // namespace cardea::windows
