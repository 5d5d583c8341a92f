#include "cardea/pcsc_link/remote_session.h"

#include "cardea/pcsc_link/messages.h"
#include "cardea/secret.h"

namespace cardea::pcsc_link {

Code RemoteSession::open(std::unique_ptr<Transport> transport, std::uint32_t scope,
                         std::unique_ptr<Session>& out) {
  std::unique_ptr<RemoteSession> session{new RemoteSession{std::move(transport)}};
  auto& channel = session->channel_;
  if (!channel.transport().set_deadline(kHelloLimit) ||
      !channel.send(FrameType::hello, encode(Hello{kProtocolVersion, scope}), 0)) {
    return code::kNoService;
  }
  const auto answer = channel.receive();
  if (!answer || answer->type != FrameType::welcome) return code::kNoService;
  const auto welcome = parse_welcome(answer->payload);
  // What is asked from now on may wait for other programs, without a limit.
  if (!welcome || welcome->version != kProtocolVersion ||
      !channel.transport().set_deadline(std::chrono::milliseconds{0})) {
    return code::kNoService;
  }
  if (welcome->code == code::kSuccess) out = std::move(session);
  return welcome->code;
}

template <class... Out>
Code RemoteSession::ask(FrameType type, BytesView payload, Out&... out) {
  if (broken_) return code::kNoService;
  const auto number = ++asked_;
  if (channel_.send(type, payload, number)) {
    auto answer = channel_.receive();
    if (answer && answer->type == FrameType::reply && answer->number == number) {
      if (const auto code = parse_reply(answer->payload, out...)) return *code;
    }
  }
  broken_ = true;
  return code::kNoService;
}

Code RemoteSession::connect(const std::string& reader, std::uint32_t share, std::uint32_t protocols,
                            Connected& out) {
  if (reader.size() > kMaxReaderName) return code::kUnknownReader;
  return ask(FrameType::connect, encode(Request{request::Connect{share, protocols, reader}}), out);
}

Code RemoteSession::reconnect(CardId card, std::uint32_t share, std::uint32_t protocols,
                              std::uint32_t initialization, Connected& out) {
  return ask(FrameType::reconnect,
             encode(Request{request::Reconnect{card, share, protocols, initialization}}), out);
}

Code RemoteSession::disconnect(CardId card, std::uint32_t disposition) {
  return ask(FrameType::disconnect, encode(Request{request::Disconnect{card, disposition}}));
}

Code RemoteSession::begin(CardId card) {
  return ask(FrameType::begin, encode(Request{request::Begin{card}}));
}

Code RemoteSession::end(CardId card, std::uint32_t disposition) {
  return ask(FrameType::end, encode(Request{request::End{card, disposition}}));
}

Code RemoteSession::status(CardId card, bool wait, ReaderRecord& out) {
  return ask(FrameType::status, encode(Request{request::Status{card, wait}}), out);
}

Code RemoteSession::transmit(CardId card, std::uint32_t protocol, BytesView command, Transmitted& out) {
  Bytes payload;
  const WipeOnExit wiper{payload};
  payload.reserve(2 * sizeof card + command.size());
  append_be32(payload, card);
  append_be32(payload, protocol);
  append(payload, command);
  if (payload.size() > kMaxPayload) return code::kInsufficientBuffer;
  return ask(FrameType::transmit, payload, out);
}

Code RemoteSession::control(CardId card, std::uint32_t control_code, BytesView input, Bytes& out) {
  auto payload = encode(Request{request::Control{card, control_code, to_bytes(input)}});
  const WipeOnExit wiper{payload};
  if (payload.size() > kMaxPayload) return code::kInsufficientBuffer;
  return ask(FrameType::control, payload, out);
}

Code RemoteSession::readers(ReaderList& out) {
  return ask(FrameType::readers, {}, out);
}

Code RemoteSession::wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit, ReaderList& out) {
  return ask(FrameType::wait, encode(Request{request::Wait{call, known, limit}}), out);
}

void RemoteSession::cancel(std::uint32_t call) noexcept {
  // Four octets behind a head: nothing to allocate that could fail for another reason than no memory at all,
  // and no answer. Where the other end has gone, whoever waits there hears of that.
  (void)channel_.send(FrameType::cancel, encode(Request{request::Cancel{call}}), 0);
}

Code RemoteSession::release() {
  return ask(FrameType::release, {});
}

void RemoteSession::abandon() noexcept {
  channel_.transport().abandon();
}

}  // namespace cardea::pcsc_link
