#include "cardea/windows/pipe.h"

#include <array>

#include "cardea/windows/owner_only.h"
#include "cardea/windows/text.h"

namespace cardea::windows {
namespace {

using std::chrono::milliseconds;

constexpr DWORD kBuffer = 65'536;
/// How often a client that met no free instance tries again, and for how long: the server makes the next one
/// at once.
constexpr DWORD kBusyWait = 2'000;

tl::unexpected<Error> broken(const std::string& what, DWORD error) {
  return fail(Errc::unavailable, what + ": " + error_text(error));
}

Handle new_event() {
  return Handle{::CreateEventW(nullptr, TRUE, FALSE, nullptr)};
}

DWORD as_wait(milliseconds limit) {
  return limit.count() <= 0 ? INFINITE : static_cast<DWORD>(limit.count());
}

/// Whether the process at the other end of a pipe belongs to this process's user.
template <class Query>
bool of_this_user(HANDLE pipe, Query query) {
  ULONG process = 0;
  if (query(pipe, &process) == 0) return false;
  const Handle other{::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process)};
  if (!other) return false;
  const auto user = user_of(other.get());
  return !user.empty() && user == user_of();
}

}  // namespace

std::string pipe_name(std::string_view what, std::string_view place) {
  // FNV-1a: it need not be secret, only different. Who may open the pipe is what protects it.
  std::uint64_t digest = 0xCBF29CE484222325;
  for (const char c : place)
    digest = (digest ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  std::string out = "\\\\.\\pipe\\cardea-" + std::string{what} + '-' + user_of() + '-';
  for (int shift = 60; shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[(digest >> static_cast<unsigned>(shift)) & 0xFU]);
  return out;
}

Pipe::Pipe(Handle connected)
    : pipe_{std::move(connected)}, down_{new_event()}, sent_{new_event()}, received_{new_event()} {}

/// What was sent is read before the end is seen.
Pipe::~Pipe() = default;

void Pipe::shut_down() noexcept {
  ::SetEvent(down_.get());
  ::CancelIoEx(pipe_.get(), nullptr);
}

/// Starts an overlapped operation and waits for its end, for shut_down, or for the deadline.
template <class Start>
Result<std::size_t> Pipe::wait_for(HANDLE event, Start start) {
  if (::WaitForSingleObject(down_.get(), 0) == WAIT_OBJECT_0)
    return fail(Errc::unavailable, "the connection was shut down");
  OVERLAPPED operation{};
  operation.hEvent = event;
  ::ResetEvent(event);
  DWORD moved = 0;
  if (start(&operation) == 0 && ::GetLastError() != ERROR_IO_PENDING)
    return broken("a pipe", ::GetLastError());
  const std::array<HANDLE, 2> either{event, down_.get()};
  const DWORD woken = ::WaitForMultipleObjects(2, either.data(), FALSE, as_wait(limit_.load()));
  // The operation uses this stack frame: it is over, one way or the other, before the frame is left.
  if (woken != WAIT_OBJECT_0) ::CancelIoEx(pipe_.get(), &operation);
  const BOOL done = ::GetOverlappedResult(pipe_.get(), &operation, &moved, TRUE);
  if (done != 0) return moved;
  if (woken == WAIT_TIMEOUT) return fail(Errc::unavailable, "no answer within the deadline");
  return broken("the other end has closed the connection", ::GetLastError());
}

Result<void> Pipe::send(BytesView octets) {
  while (!octets.empty()) {
    CARDEA_TRY(const auto n, wait_for(sent_.get(), [&](OVERLAPPED* operation) {
                 return ::WriteFile(pipe_.get(), octets.data(), static_cast<DWORD>(octets.size()), nullptr,
                                    operation);
               }));
    octets = octets.subspan(n);
  }
  return {};
}

Result<std::size_t> Pipe::receive(std::span<std::uint8_t> into) {
  CARDEA_TRY(const auto n, wait_for(received_.get(), [&](OVERLAPPED* operation) {
               return ::ReadFile(pipe_.get(), into.data(), static_cast<DWORD>(into.size()), nullptr,
                                 operation);
             }));
  if (n == 0) return fail(Errc::unavailable, "the other end has closed the connection");
  return n;
}

Result<std::unique_ptr<Pipe>> connect_pipe(const std::string& name) {
  const auto wide = widened(name);
  while (true) {
    // The server may learn who we are, and may not act as us.
    Handle pipe{::CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                              FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                              nullptr)};
    if (!pipe) {
      const DWORD error = ::GetLastError();
      if (error == ERROR_PIPE_BUSY && ::WaitNamedPipeW(wide.c_str(), kBusyWait) != 0) continue;
      return broken(name, error);
    }
    if (!of_this_user(pipe.get(), ::GetNamedPipeServerProcessId))
      return fail(Errc::denied, name + ": another user listens there");
    return std::make_unique<Pipe>(std::move(pipe));
  }
}

Result<std::unique_ptr<PipeListener>> PipeListener::listen(const std::string& name) {
  // Asked first: Wine knows no "first instance".
  if (::WaitNamedPipeW(widened(name).c_str(), 1) != 0 || ::GetLastError() == ERROR_SEM_TIMEOUT)
    return fail(Errc::conflict, name + ": somebody listens there already");
  std::unique_ptr<PipeListener> out{new PipeListener{name}};
  out->down_ = new_event();
  out->arrived_ = new_event();
  if (!out->down_ || !out->arrived_) return broken(name, ::GetLastError());
  CARDEA_CHECK(out->make_instance(true));
  return out;
}

/// The first one says whether somebody else has the name.
Result<void> PipeListener::make_instance(bool first) {
  CARDEA_TRY(auto owner_only, OwnerOnly::make());
  const DWORD mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED |
                     (first ? static_cast<DWORD>(FILE_FLAG_FIRST_PIPE_INSTANCE) : 0U);
  instance_ =
      Handle{::CreateNamedPipeW(widened(name_).c_str(), mode,
                                PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                PIPE_UNLIMITED_INSTANCES, kBuffer, kBuffer, 0, owner_only.attributes())};
  if (instance_) return {};
  const DWORD error = ::GetLastError();
  if (first && (error == ERROR_ACCESS_DENIED || error == ERROR_PIPE_BUSY))
    return fail(Errc::conflict, name_ + ": somebody listens there already");
  return broken(name_, error);
}

Result<bool> PipeListener::wait_for_client(milliseconds limit) {
  if (!listening_) {
    pending_ = {};
    pending_.hEvent = arrived_.get();
    ::ResetEvent(arrived_.get());
    if (::ConnectNamedPipe(instance_.get(), &pending_) != 0) return true;
    const DWORD error = ::GetLastError();
    if (error == ERROR_PIPE_CONNECTED) return true;
    if (error == ERROR_NO_DATA) return true;  // came and went: its first receive will say so
    if (error != ERROR_IO_PENDING) return broken(name_, error);
    listening_ = true;
  }
  const std::array<HANDLE, 2> either{arrived_.get(), down_.get()};
  const DWORD woken = ::WaitForMultipleObjects(
      2, either.data(), FALSE, limit.count() < 0 ? INFINITE : static_cast<DWORD>(limit.count()));
  if (woken == WAIT_TIMEOUT) return false;
  listening_ = false;
  if (woken == WAIT_OBJECT_0) return true;
  DWORD unused = 0;
  ::CancelIoEx(instance_.get(), &pending_);
  ::GetOverlappedResult(instance_.get(), &pending_, &unused, TRUE);
  return fail(Errc::unavailable, "no more connections are taken");
}

Result<std::unique_ptr<Pipe>> PipeListener::accept(milliseconds limit) {
  if (::WaitForSingleObject(down_.get(), 0) == WAIT_OBJECT_0)
    return fail(Errc::unavailable, "no more connections are taken");
  CARDEA_TRY(const bool came, wait_for_client(limit));
  if (!came) return nullptr;
  Handle client = std::move(instance_);
  CARDEA_CHECK(make_instance(false));
  if (!of_this_user(client.get(), ::GetNamedPipeClientProcessId)) return nullptr;
  return std::make_unique<Pipe>(std::move(client));
}

}  // namespace cardea::windows
