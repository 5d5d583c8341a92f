#include "cardea/vault/worker_protocol.h"

#include <sys/socket.h>

#include <cerrno>

#include "octets.h"

namespace cardea::vault::wire {

namespace {

void write_public(Writer& write, const card::PublicKey& key) {
  write.field16(key.modulus);
  write.field16(key.exponent);
  write.field16(key.point);
}

card::PublicKey read_public(Reader& read, card::Algorithm algorithm) {
  card::PublicKey key;
  key.algorithm = algorithm;
  key.modulus = to_bytes(read.field16());
  key.exponent = to_bytes(read.field16());
  key.point = to_bytes(read.field16());
  return key;
}

Result<Bytes> checked(Bytes message, bool good) {
  if (!good || message.size() > kMaxMessage) {
    wipe(message);
    return fail(Errc::invalid, "the request is too large for a signer");
  }
  return message;
}

// Room for the whole message at once: a growing buffer would leave unwiped copies of secrets behind.
Bytes empty_message() {
  Bytes out;
  out.reserve(kMaxMessage);
  return out;
}

}  // namespace

Result<Bytes> encode(const Request& request) {
  auto out = empty_message();
  Writer write{out};
  write.number(kVersion, 1);
  write.number(static_cast<std::uint8_t>(request.op), 1);
  write.field8(as_bytes(request.tenant));
  write.field8(as_bytes(request.card));
  write.number(request.slot.reference, 1);
  write.number(request.slot.version, 8);
  write.number(request.kek_version, 4);
  write.number(static_cast<std::uint8_t>(request.algorithm), 1);
  write_public(write, request.public_key);
  write.field16(request.sealed);
  write.number(request.keep ? 1 : 0, 1);
  write.number(request.fields.size(), 1);
  for (const auto& field : request.fields)
    write.field16(field.expose());
  return checked(std::move(out), write.good() && request.fields.size() < 256);
}

Result<Bytes> encode(const Reply& reply) {
  auto out = empty_message();
  Writer write{out};
  write.number(kVersion, 1);
  write.number(reply.error ? 1U + static_cast<unsigned>(reply.error->code) : 0U, 1);
  write.number(reply.leaving ? 1 : 0, 1);
  write.number(reply.resident_bytes, 8);
  write.number(reply.session_objects, 4);
  write.number(static_cast<std::uint8_t>(reply.public_key.algorithm), 1);
  write_public(write, reply.public_key);
  write.field16(reply.sealed);
  write.field16(reply.output.expose());
  write.field16(as_bytes(reply.error ? std::string_view{reply.error->what} : std::string_view{}));
  return checked(std::move(out), write.good());
}

Result<Request> decode_request(BytesView message) {
  const auto damaged = fail(Errc::corrupt, "a request to the signer is damaged");
  if (message.size() > kMaxMessage) return damaged;
  Reader read{message};
  if (read.number(1) != kVersion)
    return fail(Errc::corrupt, "the server speaks another version of the signer protocol");
  const auto op = read.number(1);
  if (op < 1 || op > static_cast<std::uint8_t>(Op::check_value)) return damaged;
  Request out;
  out.op = static_cast<Op>(op);
  out.tenant = read.text8();
  out.card = read.text8();
  out.slot.reference = static_cast<std::uint8_t>(read.number(1));
  out.slot.version = read.number(8);
  out.kek_version = static_cast<std::uint32_t>(read.number(4));
  const auto algorithm = read.number(1);
  if (!known_algorithm(algorithm)) return damaged;
  out.algorithm = static_cast<card::Algorithm>(algorithm);
  out.public_key = read_public(read, out.algorithm);
  out.sealed = to_bytes(read.field16());
  const auto keep = read.number(1);
  if (keep > 1) return damaged;
  out.keep = keep == 1;
  const auto fields = read.number(1);
  for (std::uint64_t i = 0; i < fields && read.good(); ++i)
    out.fields.emplace_back(read.field16());
  if (!read.finished()) return damaged;
  return out;
}

Result<Reply> decode_reply(BytesView message) {
  const auto damaged = fail(Errc::corrupt, "a reply of the signer is damaged");
  if (message.size() > kMaxMessage) return damaged;
  Reader read{message};
  if (read.number(1) != kVersion)
    return fail(Errc::corrupt, "the signer speaks another version of the protocol");
  const auto status = read.number(1);
  Reply out;
  const auto leaving = read.number(1);
  out.leaving = leaving == 1;
  out.resident_bytes = read.number(8);
  out.session_objects = static_cast<std::uint32_t>(read.number(4));
  const auto algorithm = read.number(1);
  if (leaving > 1 || status > 1U + static_cast<unsigned>(Errc::unsupported) || !known_algorithm(algorithm))
    return damaged;
  out.public_key = read_public(read, static_cast<card::Algorithm>(algorithm));
  out.sealed = to_bytes(read.field16());
  out.output = SecretBytes{read.field16()};
  const auto what = read.field16();
  if (!read.finished() || (status == 0 && !what.empty())) return damaged;
  if (status != 0) out.error = Error{static_cast<Errc>(status - 1), std::string(what.begin(), what.end())};
  return out;
}

Result<void> send(int descriptor, BytesView message) {
  for (;;) {
    if (::send(descriptor, message.data(), message.size(), MSG_NOSIGNAL) >= 0) return {};
    if (errno == EINTR) continue;
    return fail(Errc::unavailable, "the signer has gone");
  }
}

Result<BytesView> receive(int descriptor, std::span<std::uint8_t> buffer) {
  for (;;) {
    const auto n = ::recv(descriptor, buffer.data(), buffer.size(), MSG_TRUNC);
    if (n > 0 && static_cast<std::size_t>(n) <= buffer.size())
      return buffer.first(static_cast<std::size_t>(n));
    if (n > 0) return fail(Errc::corrupt, "a message of the signer protocol is too long");
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return fail(Errc::unavailable, "the signer did not answer in time");
    }
    return fail(Errc::unavailable, "the signer has gone");
  }
}

}  // namespace cardea::vault::wire
