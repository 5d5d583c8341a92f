#include "connection.h"

#include <algorithm>
#include <charconv>

#include "cardea/http/problem.h"
#include "cardea/secret.h"
#include "reason.h"

namespace cardea::http {
namespace {

constexpr std::size_t kFirstRoom = 4096;
constexpr std::size_t kKeptRoom = 16U << 10U;
constexpr std::size_t kMaxDrained = 8U << 20U;
constexpr std::chrono::milliseconds kDrainTime{2000};

void wipe_text(char* text, std::size_t size) {
  wipe({reinterpret_cast<std::uint8_t*>(text), size});  // NOLINT(*-reinterpret-cast): char to octet
}

}  // namespace

Connection::Connection(int fd, SSL_CTX* tls, const ConnectionRules& rules, const Handler& handler,
                       const std::atomic<bool>& stopping)
    : channel_{fd, tls}, rules_{rules}, handler_{handler}, stopping_{stopping} {
  wait_at_most(rules_.handshake);
}

Connection::Wants Connection::advance() {
  turns_.fetch_add(1, std::memory_order_acquire);
  const auto wants = run();
  turns_.fetch_add(1, std::memory_order_release);
  return wants;
}

Connection::Wants Connection::run() {
  idle_ = false;
  for (;;) {
    IoResult result;
    switch (state_) {
      case State::handshake:
        result = channel_.handshake();
        if (result.io == Io::done) {
          state_ = State::read;
          exporter_ = channel_.exporter();
          wait_at_most(rules_.idle);
        }
        break;
      case State::read:
        if (take_request()) {
          result.io = Io::done;
          break;
        }
        result.io = fill();
        break;
      case State::write:
        result = channel_.write(std::string_view{out_}.substr(written_));
        if (result.io != Io::done) break;
        written_ += result.octets;
        if (written_ < out_.size()) break;
        wipe_text(out_.data(), out_.size());
        out_.clear();
        written_ = 0;
        if (close_after_ || stopping_) {
          channel_.close_notify();
          if (!refused_) return Wants::close;
          channel_.end_of_sending();
          state_ = State::drain;
          wait_at_most(kDrainTime);
          break;
        }
        state_ = State::read;
        wait_at_most(filled_ == 0 ? rules_.idle : rules_.request);
        // The next request is hardly ever here already: ask epoll rather than the socket.
        if (filled_ == 0 && !channel_.has_pending()) {
          idle_ = true;
          return Wants::read;
        }
        break;
      case State::drain:
        result = channel_.discard();
        drained_ += result.octets;
        if (drained_ > kMaxDrained) return Wants::close;
        break;
    }
    switch (result.io) {
      case Io::done:
        break;
      case Io::want_read:
        idle_ = state_ != State::write && filled_ == 0;
        return Wants::read;
      case Io::want_write:
        return Wants::write;
      case Io::closed:
        return Wants::close;
    }
  }
}

Io Connection::fill() {
  const std::size_t wanted =
      have_head_ ? head_.size + static_cast<std::size_t>(head_.body_size) : filled_ + kFirstRoom;
  if (in_.size() < wanted) {
    std::vector<char> larger(wanted);
    std::copy_n(in_.begin(), filled_, larger.begin());
    wipe_text(in_.data(), filled_);
    in_.swap(larger);
  }
  const auto result = channel_.read(in_.data() + filled_, in_.size() - filled_);
  if (result.io == Io::done) {
    // One deadline for the whole request, from its first octet: it does not move with each octet that
    // trickles in.
    if (filled_ == 0) wait_at_most(rules_.request);
    filled_ += result.octets;
  }
  return result.io;
}

/// Handles one request if it is all there. True when the state has moved on to writing.
bool Connection::take_request() {
  if (filled_ == 0) return false;
  if (!have_head_) {
    Refusal refusal;
    switch (read_head({in_.data(), filled_}, scanned_, request_, head_, refusal)) {
      case HeadState::incomplete:
        return false;
      case HeadState::bad:
        refuse(refusal);
        return true;
      case HeadState::complete:
        break;
    }
    if (head_.body_size > rules_.max_body) {
      refuse({413, "body-too-large", "The request body is larger than this server takes."});
      return true;
    }
    have_head_ = true;
    if (head_.expects_continue && filled_ < head_.size + head_.body_size) {
      // 25 octets into an empty socket buffer; a client that does not get them goes on after a moment by
      // itself.
      (void)channel_.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
  }
  const auto size = head_.size + static_cast<std::size_t>(head_.body_size);
  if (filled_ < size) return false;

  // The buffer may have moved since the head was read: read it again where it is now.
  if (head_.body_size > 0) {
    Refusal unused;
    std::size_t from_start = 0;
    (void)read_head({in_.data(), filled_}, from_start, request_, head_, unused);
  }
  request_.body = {in_.data() + head_.size, static_cast<std::size_t>(head_.body_size)};
  const bool head_only = request_.method == "HEAD";
  if (head_only) request_.method = "GET";
  close_after_ = head_.close;
  wait_for_ever();  // a handler takes what it takes; the limits of its work are its own
  Response response;
  try {
    request_.tls_exporter = exporter_;
    response = handler_(request_);
  } catch (...) {
    response = problem(500, "internal", "");
  }
  answer(response, head_only);
  consume(size);
  return true;
}

void Connection::answer(const Response& response, bool head_only) {
  out_.reserve(256 + response.body.size());
  std::array<char, 24> number{};
  const auto append_number = [&](std::size_t n) {
    auto* const end = std::to_chars(number.data(), number.data() + number.size(), n).ptr;
    out_.append(number.data(), end);
  };
  out_ += "HTTP/1.1 ";
  append_number(static_cast<std::size_t>(response.status));
  out_ += ' ';
  out_ += reason_of(response.status);
  out_ += "\r\n";
  if (!response.content_type.empty()) {
    out_ += "Content-Type: ";
    out_ += response.content_type;
    out_ += "\r\n";
  }
  if (response.status != 204) {
    out_ += "Content-Length: ";
    append_number(response.body.size());
    out_ += "\r\n";
  }
  out_ += "Cache-Control: no-store\r\n";
  for (const auto& [name, value] : response.headers) {
    out_ += name;
    out_ += ": ";
    out_ += value;
    out_ += "\r\n";
  }
  if (close_after_ || stopping_) out_ += "Connection: close\r\n";
  out_ += "\r\n";
  if (!head_only) out_ += response.body;
  written_ = 0;
  state_ = State::write;
  wait_at_most(rules_.request);
}

void Connection::refuse(const Refusal& refusal) {
  close_after_ = true;
  refused_ = true;
  answer(problem(refusal.status, refusal.slug, refusal.detail), false);
  consume(filled_);
}

/// Forgets a request that was handled; PINs were in it.
void Connection::consume(std::size_t octets) {
  wipe_text(in_.data(), octets);
  if (filled_ > octets) std::copy(in_.data() + octets, in_.data() + filled_, in_.data());
  filled_ -= octets;
  if (filled_ == 0 && in_.size() > kKeptRoom) std::vector<char>(kFirstRoom).swap(in_);
  scanned_ = 0;
  have_head_ = false;
}

}  // namespace cardea::http
