#include <windows.h>
// After windows.h, whose types it uses.
#include <shellapi.h>

#include <array>
#include <atomic>

#include "cardea/windows/handle.h"
#include "cardea/windows/text.h"
#include "process.h"

// werapi.h cannot be included here: mingw's does not compile in C++.
extern "C" HRESULT WINAPI WerSetFlags(DWORD flags);

namespace cardea::agent {
namespace {

constexpr DWORD kNoHeapInReports = 1;  // WER_FAULT_REPORTING_FLAG_NOHEAP

// A console handler has no place for data of its own.
std::atomic<HANDLE> stop_event{nullptr};
std::atomic<HANDLE> over_event{nullptr};
std::atomic<const char*> reason{"a request to stop"};

/// On a thread that Windows makes. When it returns from the last three, the process ends: not before it is
/// done.
BOOL WINAPI on_control(DWORD what) {
  const bool last = what == CTRL_CLOSE_EVENT || what == CTRL_LOGOFF_EVENT || what == CTRL_SHUTDOWN_EVENT;
  reason = what == CTRL_C_EVENT        ? "Ctrl-C"
           : what == CTRL_BREAK_EVENT  ? "Ctrl-Break"
           : what == CTRL_CLOSE_EVENT  ? "the end of its window"
           : what == CTRL_LOGOFF_EVENT ? "log-off"
                                       : "shut-down";
  ::SetEvent(stop_event);
  constexpr DWORD kWindowsPatience = 5000;  // what it gives a process that is asked to end
  if (last) ::WaitForSingleObject(over_event, kWindowsPatience);
  return TRUE;
}

}  // namespace

std::vector<std::string> command_line(int argc, char** argv) {
  int count = 0;
  wchar_t** const wide = ::CommandLineToArgvW(::GetCommandLineW(), &count);
  if (wide == nullptr) return {argv, argv + argc};
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i)
    out.push_back(windows::narrowed(wide[i]));
  ::LocalFree(static_cast<void*>(wide));
  return out;
}

std::string host_name() {
  std::array<wchar_t, 256> name{};
  auto size = static_cast<DWORD>(name.size());
  if (::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &size) == 0 || size == 0)
    return "workstation";
  return windows::narrowed({name.data(), size});
}

/// No dialogue when it crashes, and no heap in the report about it.
void guard_memory() {
  ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  (void)WerSetFlags(kNoHeapInReports);
}

StopSignal::StopSignal() {
  // Closed with the process: the handler may still look at them.
  stop_event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  over_event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  ::SetConsoleCtrlHandler(on_control, TRUE);
}

StopSignal::~StopSignal() {
  ::SetEvent(over_event);
}

std::string StopSignal::wait() {
  ::WaitForSingleObject(stop_event, INFINITE);
  return reason.load();
}

void StopSignal::raise() {
  ::SetEvent(stop_event);
}

}  // namespace cardea::agent
