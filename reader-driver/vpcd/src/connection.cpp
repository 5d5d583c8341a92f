#include "cardea/vpcd/connection.h"

#include <algorithm>
#include <system_error>

#include "cardea/secret.h"
#include "native.h"

namespace cardea::vpcd {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string reason(int error) {
  return std::system_category().message(error);
}

/// Waits until the socket can be read or written, or has failed; false when the time is over.
bool wait_for(native::Socket socket, short events, Clock::time_point end) {
  while (true) {
    const auto left = std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(end - Clock::now()));
    pollfd waiting{};
    waiting.fd = socket;
    waiting.events = events;
    const int ready = native::poll(&waiting, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || !native::try_again(native::last_error())) return false;
  }
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> look_up(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) return fail(Errc::unavailable, endpoint.host + ": no such host is known");
  return Addresses{found};
}

/// 0, or the error.
int connect_within(native::Socket socket, const addrinfo& address, milliseconds limit) {
  if (::connect(socket, address.ai_addr, static_cast<socklen_t>(address.ai_addrlen)) == 0) return 0;
  if (const int error = native::last_error(); !native::connecting(error)) return error;
  if (!wait_for(socket, POLLOUT, Clock::now() + limit)) return native::kTimedOut;
  int error = 0;
  socklen_t size = sizeof error;
  // NOLINTNEXTLINE(*-reinterpret-cast): Windows wants a char*
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size) != 0)
    return native::last_error();
  return error;
}

}  // namespace

milliseconds Connection::reader_looks_each() {
  return native::kReaderLooksEach;
}

Result<std::unique_ptr<Connection>> Connection::open(const Endpoint& endpoint, milliseconds limit) {
  native::start();
  CARDEA_TRY(const auto addresses, look_up(endpoint));
  int error = 0;
  for (const auto* at = addresses.get(); at != nullptr; at = at->ai_next) {
    const auto socket = ::socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (socket == native::kNone) {
      error = native::last_error();
      continue;
    }
    std::unique_ptr<Connection> made{new Connection{static_cast<std::uintptr_t>(socket)}};
    error = native::do_not_block(socket) ? connect_within(socket, *at, limit) : native::last_error();
    if (error != 0) continue;
    const int on = 1;
    // NOLINTNEXTLINE(*-reinterpret-cast): Windows wants a char*
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&on), sizeof on);
    return made;
  }
  return fail(Errc::unavailable, to_text(endpoint) + ": " + reason(error));
}

Connection::~Connection() {
  native::close(static_cast<native::Socket>(socket_));
}

Result<std::optional<Message>> Connection::receive(milliseconds limit) {
  const auto socket = static_cast<native::Socket>(socket_);
  auto end = Clock::now() + limit;
  while (true) {
    native::acknowledge_at_once(socket);
    if (!wait_for(socket, POLLIN, end)) {
      if (assembler_.in_the_middle())
        return fail(Errc::unavailable, "the reader has stopped in the middle of a message");
      return std::nullopt;
    }
    const bool begins = !assembler_.in_the_middle();
    CARDEA_TRY(auto message, receive_some());
    if (message) return message;
    // Who trickles octets does not stretch the deadline.
    if (begins) end = Clock::now() + kMessageLimit;
    if (Clock::now() >= end)
      return fail(Errc::unavailable, "the reader has stopped in the middle of a message");
  }
}

Result<std::optional<Message>> Connection::receive_some() {
  const auto room = assembler_.room();
  // NOLINTNEXTLINE(*-reinterpret-cast): Windows wants a char*
  auto* const into = reinterpret_cast<char*>(room.data());
  const auto got =
      ::recv(static_cast<native::Socket>(socket_), into, static_cast<native::Length>(room.size()), 0);
  if (got > 0) return assembler_.filled(static_cast<std::size_t>(got));
  if (got == 0) return fail(Errc::unavailable, "the reader has closed the connection");
  const int error = native::last_error();
  if (native::try_again(error)) return std::nullopt;
  return fail(Errc::unavailable, "receiving from the reader: " + reason(error));
}

Result<void> Connection::send(BytesView payload) const {
  const auto socket = static_cast<native::Socket>(socket_);
  auto octets = encode(payload);
  const WipeOnExit wiped{octets};  // a deciphered key may be in it
  const auto end = Clock::now() + kMessageLimit;
  for (BytesView left{octets}; !left.empty();) {
    // NOLINTNEXTLINE(*-reinterpret-cast): Windows wants a char*
    const auto* const from = reinterpret_cast<const char*>(left.data());
    const auto sent = ::send(socket, from, static_cast<native::Length>(left.size()), native::kSendFlags);
    if (sent > 0) {
      left = left.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    const int error = native::last_error();
    if (!native::try_again(error)) return fail(Errc::unavailable, "sending to the reader: " + reason(error));
    if (!wait_for(socket, POLLOUT, end))
      return fail(Errc::unavailable, "the reader has not taken an answer in time");
  }
  return {};
}

void Connection::shut_down() const noexcept {
  ::shutdown(static_cast<native::Socket>(socket_), native::kBothWays);
}

void Connection::stop_receiving() const noexcept {
  ::shutdown(static_cast<native::Socket>(socket_), native::kReceiving);
}

}  // namespace cardea::vpcd
