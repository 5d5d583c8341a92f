#include <windows.h>

#include "locked_memory.h"

namespace cardea::api {
namespace {

/// VirtualLock takes pages out of the process's smallest working set, which is small: it grows with what is
/// locked.
bool make_room(std::size_t more) {
  SIZE_T least = 0;
  SIZE_T most = 0;
  const HANDLE self = ::GetCurrentProcess();
  if (::GetProcessWorkingSetSize(self, &least, &most) == 0) return false;
  return ::SetProcessWorkingSetSize(self, least + more, most + more) != 0;
}

/// Keeps the pages out of Windows' error reports. The function came with Windows 10 1703: found at run time,
/// and a system without it has no such protection.
void leave_out_of_reports(std::span<std::uint8_t> pages) {
  using Register = HRESULT(WINAPI*)(const void*, DWORD);
  const HMODULE kernel = ::GetModuleHandleW(L"kernel32.dll");
  const auto found = kernel != nullptr ? ::GetProcAddress(kernel, "WerRegisterExcludedMemoryBlock") : nullptr;
  if (found == nullptr) return;
  // NOLINTNEXTLINE(*-reinterpret-cast): how Windows hands out functions
  const auto call = reinterpret_cast<Register>(reinterpret_cast<void*>(found));
  (void)call(pages.data(), static_cast<DWORD>(pages.size()));
}

}  // namespace

const char* const kLockLimit = "the working set";

bool lock_memory(std::span<std::uint8_t> pages) {
  leave_out_of_reports(pages);
  if (::VirtualLock(pages.data(), pages.size()) != 0) return true;
  return make_room(pages.size()) && ::VirtualLock(pages.data(), pages.size()) != 0;
}

}  // namespace cardea::api
