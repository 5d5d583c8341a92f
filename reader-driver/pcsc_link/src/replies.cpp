#include <algorithm>

#include "cardea/pcsc_link/messages.h"
#include "reading.h"

namespace cardea::pcsc_link {

namespace {

constexpr std::size_t kMaxShort = 255;  // what one octet can count
constexpr std::size_t kMaxReaders = 65535;

Bytes begin(Code code) {
  Bytes out;
  append_be32(out, code);
  return out;
}

void append_short(Bytes& out, BytesView value) {
  const auto kept = value.first(std::min(value.size(), kMaxShort));
  out.push_back(static_cast<std::uint8_t>(kept.size()));
  append(out, kept);
}

void append_record(Bytes& out, const ReaderRecord& record) {
  append_be32(out, record.state);
  append_be16(out, record.events);
  append_be32(out, static_cast<std::uint32_t>(record.sharing));
  append_be32(out, record.protocol);
  append_short(out, record.atr);
  append_short(out, as_bytes(record.name));
}

ReaderRecord read_record(Reading& in) {
  ReaderRecord out;
  out.state = in.number();
  out.events = in.short_number();
  out.sharing = static_cast<std::int32_t>(in.number());
  out.protocol = in.number();
  out.atr = in.octets(in.octet());
  out.name = in.text(in.octet());
  return out;
}

}  // namespace

Bytes encode_reply(Code code) {
  return begin(code);
}

Bytes encode_reply(Code code, const Connected& connected) {
  auto out = begin(code);
  append_be32(out, connected.card);
  append_be32(out, connected.protocol);
  return out;
}

Bytes encode_reply(Code code, const ReaderRecord& record) {
  auto out = begin(code);
  append_record(out, record);
  return out;
}

Bytes encode_reply(Code code, const Transmitted& transmitted) {
  Bytes out;
  out.reserve(8 + transmitted.response.size());
  append_be32(out, code);
  append_be32(out, transmitted.protocol);
  append(out, transmitted.response);
  return out;
}

Bytes encode_reply(Code code, BytesView answer) {
  auto out = begin(code);
  append(out, answer);
  return out;
}

/// Readers that would not fit into one frame (there would have to be hundreds) are left out.
Bytes encode_reply(Code code, const ReaderList& list) {
  auto out = begin(code);
  append_be64(out, list.generation);
  Bytes records;
  std::uint16_t count = 0;
  for (const auto& record : list.readers) {
    Bytes one;
    append_record(one, record);
    if (count == kMaxReaders || out.size() + 2 + records.size() + one.size() > kMaxPayload) break;
    append(records, one);
    ++count;
  }
  append_be16(out, count);
  append(out, records);
  return out;
}

Result<Code> parse_reply(BytesView payload) {
  Reading in{payload};
  const auto code = in.number();
  CARDEA_CHECK(in.finish("reply"));
  return code;
}

Result<Code> parse_reply(BytesView payload, Connected& out) {
  Reading in{payload};
  const auto code = in.number();
  out = Connected{in.number(), in.number()};
  CARDEA_CHECK(in.finish("reply"));
  return code;
}

Result<Code> parse_reply(BytesView payload, ReaderRecord& out) {
  Reading in{payload};
  const auto code = in.number();
  out = read_record(in);
  CARDEA_CHECK(in.finish("reply"));
  return code;
}

Result<Code> parse_reply(BytesView payload, Transmitted& out) {
  Reading in{payload};
  const auto code = in.number();
  out.protocol = in.number();
  out.response = in.octets(in.left());
  CARDEA_CHECK(in.finish("reply"));
  return code;
}

Result<Code> parse_reply(BytesView payload, Bytes& out) {
  Reading in{payload};
  const auto code = in.number();
  out = in.octets(in.left());
  CARDEA_CHECK(in.finish("reply"));
  return code;
}

Result<Code> parse_reply(BytesView payload, ReaderList& out) {
  Reading in{payload};
  const auto code = in.number();
  ReaderList list;
  list.generation = in.long_number();
  auto count = in.short_number();
  for (; count > 0 && in.left() > 0; --count)
    list.readers.push_back(read_record(in));
  if (count != 0) in.refuse();
  CARDEA_CHECK(in.finish("reply"));
  out = std::move(list);
  return code;
}

}  // namespace cardea::pcsc_link
