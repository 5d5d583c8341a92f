#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <chrono>

/// What sockets call by different names here and on Linux.
namespace cardea::vpcd::native {

using Socket = SOCKET;
using Length = int;
inline constexpr int kTimedOut = WSAETIMEDOUT;
inline constexpr Socket kNone = INVALID_SOCKET;
inline constexpr int kSendFlags = 0;
inline constexpr std::chrono::milliseconds kReaderLooksEach{1000};  // BixVReader
inline constexpr int kReceiving = SD_RECEIVE;
inline constexpr int kBothWays = SD_BOTH;

/// Once a process; Windows cleans up at its end.
inline void start() {
  static const int started = [] {
    WSADATA data{};
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  (void)started;  // where it failed, the next call says so
}

inline void close(Socket socket) noexcept {
  ::closesocket(socket);
}

inline bool do_not_block(Socket socket) {
  u_long on = 1;
  return ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) == 0;
}

inline int poll(WSAPOLLFD* sockets, int milliseconds) {
  return ::WSAPoll(sockets, 1, milliseconds);
}

inline int last_error() {
  return ::WSAGetLastError();
}

inline bool try_again(int error) {
  return error == WSAEWOULDBLOCK || error == WSAEINTR;
}

inline bool connecting(int error) {
  return error == WSAEWOULDBLOCK;
}

/// BixVReader sends a message in one piece, and Windows has no such switch.
inline void acknowledge_at_once(Socket /*socket*/) {}

}  // namespace cardea::vpcd::native
