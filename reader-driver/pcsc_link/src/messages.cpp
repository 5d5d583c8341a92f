#include "cardea/pcsc_link/messages.h"

#include <type_traits>

#include "cardea/secret.h"
#include "reading.h"

namespace cardea::pcsc_link {

namespace {

template <class... Numbers>
Bytes numbers(Numbers... values) {
  Bytes out;
  out.reserve(4 * sizeof...(values));
  (append_be32(out, values), ...);
  return out;
}

struct TypeOf {
  FrameType operator()(const request::Connect&) const { return FrameType::connect; }
  FrameType operator()(const request::Reconnect&) const { return FrameType::reconnect; }
  FrameType operator()(const request::Disconnect&) const { return FrameType::disconnect; }
  FrameType operator()(const request::Begin&) const { return FrameType::begin; }
  FrameType operator()(const request::End&) const { return FrameType::end; }
  FrameType operator()(const request::Status&) const { return FrameType::status; }
  FrameType operator()(const request::Transmit&) const { return FrameType::transmit; }
  FrameType operator()(const request::Control&) const { return FrameType::control; }
  FrameType operator()(const request::Readers&) const { return FrameType::readers; }
  FrameType operator()(const request::Wait&) const { return FrameType::wait; }
  FrameType operator()(const request::Cancel&) const { return FrameType::cancel; }
  FrameType operator()(const request::Release&) const { return FrameType::release; }
};

struct Encode {
  Bytes operator()(const request::Connect& r) const {
    auto out = numbers(r.share, r.protocols);
    append(out, as_bytes(r.reader));
    return out;
  }
  Bytes operator()(const request::Reconnect& r) const {
    return numbers(r.card, r.share, r.protocols, r.initialization);
  }
  Bytes operator()(const request::Disconnect& r) const { return numbers(r.card, r.disposition); }
  Bytes operator()(const request::Begin& r) const { return numbers(r.card); }
  Bytes operator()(const request::End& r) const { return numbers(r.card, r.disposition); }
  Bytes operator()(const request::Status& r) const {
    auto out = numbers(r.card);
    out.push_back(r.wait ? 1 : 0);
    return out;
  }
  Bytes operator()(const request::Transmit& r) const {
    return concat({numbers(r.card, r.protocol), r.command});
  }
  Bytes operator()(const request::Control& r) const {
    return concat({numbers(r.card, r.control_code), r.input});
  }
  Bytes operator()(const request::Readers&) const { return {}; }
  Bytes operator()(const request::Wait& r) const {
    auto out = numbers(r.call);
    append_be64(out, r.known);
    append_be32(out, r.limit);
    return out;
  }
  Bytes operator()(const request::Cancel& r) const { return numbers(r.call); }
  Bytes operator()(const request::Release&) const { return {}; }
};

Request read(Reading& in, FrameType type) {
  switch (type) {
    case FrameType::connect: {
      request::Connect r{in.number(), in.number(), in.text(in.left())};
      if (r.reader.size() > kMaxReaderName) in.refuse();
      return r;
    }
    case FrameType::reconnect:
      return request::Reconnect{in.number(), in.number(), in.number(), in.number()};
    case FrameType::disconnect:
      return request::Disconnect{in.number(), in.number()};
    case FrameType::begin:
      return request::Begin{in.number()};
    case FrameType::end:
      return request::End{in.number(), in.number()};
    case FrameType::status:
      return request::Status{in.number(), in.flag()};
    case FrameType::transmit:
      return request::Transmit{in.number(), in.number(), in.octets(in.left())};
    case FrameType::control:
      return request::Control{in.number(), in.number(), in.octets(in.left())};
    case FrameType::readers:
      return request::Readers{};
    case FrameType::wait:
      return request::Wait{in.number(), in.long_number(), in.number()};
    case FrameType::cancel:
      return request::Cancel{in.number()};
    case FrameType::release:
      return request::Release{};
    default:
      in.refuse();
      return request::Readers{};
  }
}

}  // namespace

Bytes encode(const Hello& hello) {
  Bytes out{hello.version};
  append_be32(out, hello.scope);
  return out;
}

Result<Hello> parse_hello(BytesView payload) {
  Reading in{payload};
  const Hello out{in.octet(), in.number()};
  // Of another version only the first octet is ours to understand.
  if (!payload.empty() && out.version != kProtocolVersion) return out;
  CARDEA_CHECK(in.finish("hello"));
  return out;
}

Bytes encode(const Welcome& welcome) {
  Bytes out{welcome.version};
  append_be32(out, welcome.code);
  return out;
}

Result<Welcome> parse_welcome(BytesView payload) {
  Reading in{payload};
  const Welcome out{in.octet(), in.number()};
  CARDEA_CHECK(in.finish("welcome"));
  return out;
}

FrameType type_of(const Request& request) {
  return std::visit(TypeOf{}, request);
}

Bytes encode(const Request& request) {
  return std::visit(Encode{}, request);
}

Result<Request> parse_request(Frame& frame) {
  Reading in{frame.payload};
  auto out = read(in, frame.type);
  wipe(frame.payload);
  CARDEA_CHECK(in.finish("request"));
  return out;
}

}  // namespace cardea::pcsc_link
