#include "cardea/pcsc_link/messages.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using namespace cardea::pcsc_link;

namespace {

const std::vector<Request> kRequests{
    request::Connect{share::kShared, protocol::kT1, "Cardea 00 00"},
    request::Connect{share::kDirect, 0, ""},
    request::Reconnect{7, share::kExclusive, protocol::kT0 | protocol::kT1, disposition::kReset},
    request::Disconnect{7, disposition::kUnpower},
    request::Begin{7},
    request::End{7, disposition::kLeave},
    request::Status{7, true},
    request::Status{7, false},
    request::Transmit{7, protocol::kT1, {0, 0xA4, 4, 0}},
    request::Transmit{7, protocol::kT1, {}},
    request::Control{7, kGetFeatureRequest, {}},
    request::Readers{},
    request::Wait{9, 0x0102030405060708, 250},
    request::Cancel{9},
    request::Release{},
};

Frame frame_of(const Request& request) {
  return {type_of(request), encode(request), 1};
}

const ReaderRecord kRecord{"Cardea 00 01", 0x34, 65535, kExclusivelyShared, protocol::kT1, {0x3B, 0x80}};

}  // namespace

TEST_CASE("Every request arrives as it was sent [A2]") {
  for (const auto& request : kRequests) {
    auto frame = frame_of(request);
    CAPTURE(static_cast<int>(frame.type));
    const auto read = parse_request(frame);
    REQUIRE(read.has_value());
    CHECK(*read == request);
  }
}

TEST_CASE("A request that is cut off, or too long, is refused [A2]") {
  for (const auto& request : kRequests) {
    const auto whole = frame_of(request);
    CAPTURE(static_cast<int>(whole.type));
    // Where the last field is "the rest", a shorter message is another message.
    const bool open_ended = whole.type == FrameType::connect || whole.type == FrameType::transmit ||
                            whole.type == FrameType::control;
    const std::size_t fixed = open_ended ? 8 : whole.payload.size();
    for (std::size_t size = 0; size < fixed; ++size) {
      auto cut = whole;
      cut.payload.resize(size);
      CHECK_FALSE(parse_request(cut).has_value());
    }
    if (open_ended) continue;
    auto longer = whole;
    longer.payload.push_back(0);
    CHECK_FALSE(parse_request(longer).has_value());
  }
}

TEST_CASE("Frames that are no requests, and fields that mean nothing, are refused [A2]") {
  for (const auto type : {FrameType::hello, FrameType::welcome, FrameType::refused, FrameType::reply}) {
    Frame frame{type, {}, 1};
    CHECK_FALSE(parse_request(frame).has_value());
  }
  Frame status{FrameType::status, {0, 0, 0, 7, 2}, 1};
  CHECK_FALSE(parse_request(status).has_value());
  auto connect = frame_of(request::Connect{2, 2, std::string(129, 'x')});
  CHECK_FALSE(parse_request(connect).has_value());
}

TEST_CASE("The octets of a command are wiped where they arrived [A2]") {
  auto frame = frame_of(request::Transmit{7, protocol::kT1, {0x31, 0x32, 0x33}});
  const auto size = frame.payload.size();
  REQUIRE(parse_request(frame).has_value());
  CHECK(frame.payload == Bytes(size));
}

TEST_CASE("Hello and welcome begin with the version [A2]") {
  CHECK(to_hex(encode(Hello{})) == "0100000002");
  CHECK(*parse_hello(encode(Hello{1, scope::kUser})) == Hello{1, scope::kUser});
  CHECK_FALSE(parse_hello(Bytes{}).has_value());
  CHECK_FALSE(parse_hello(Bytes{1}).has_value());
  CHECK_FALSE(parse_hello(Bytes{1, 0, 0, 0, 2, 0}).has_value());
  // Of another version nothing else need be understood.
  REQUIRE(parse_hello(Bytes{2, 9}).has_value());
  CHECK(parse_hello(Bytes{2, 9})->version == 2);
  CHECK(*parse_welcome(encode(Welcome{1, code::kInvalidValue})) == Welcome{1, code::kInvalidValue});
  CHECK_FALSE(parse_welcome(Bytes{1, 0}).has_value());
}

TEST_CASE("Every reply arrives as it was sent [A2]") {
  CHECK(*parse_reply(encode_reply(code::kNotTransacted)) == code::kNotTransacted);

  Connected connected;
  CHECK(*parse_reply(encode_reply(code::kSuccess, Connected{7, 2}), connected) == code::kSuccess);
  CHECK(connected == Connected{7, 2});

  ReaderRecord record;
  CHECK(*parse_reply(encode_reply(code::kResetCard, kRecord), record) == code::kResetCard);
  CHECK(record == kRecord);

  Transmitted transmitted;
  CHECK(*parse_reply(encode_reply(0, Transmitted{2, {0x90, 0}}), transmitted) == code::kSuccess);
  CHECK(transmitted == Transmitted{2, {0x90, 0}});

  Bytes answer;
  CHECK(*parse_reply(encode_reply(0, BytesView{kRecord.atr}), answer) == code::kSuccess);
  CHECK(answer == kRecord.atr);

  ReaderList list;
  const ReaderList sent{12, {kRecord, ReaderRecord{"Cardea 00 02", 2, 0, 0, 0, {}}}};
  CHECK(*parse_reply(encode_reply(code::kTimeout, sent), list) == code::kTimeout);
  CHECK(list == sent);
}

TEST_CASE("Replies that are cut off, or count wrongly, are refused [A2]") {
  const auto record = encode_reply(0, kRecord);
  const auto list = encode_reply(0, ReaderList{1, {kRecord, kRecord}});
  ReaderRecord record_out;
  ReaderList list_out;
  for (std::size_t size = 0; size < record.size(); ++size)
    CHECK_FALSE(parse_reply(BytesView{record}.first(size), record_out).has_value());
  for (std::size_t size = 0; size < list.size(); ++size)
    CHECK_FALSE(parse_reply(BytesView{list}.first(size), list_out).has_value());
  auto wrong = list;
  wrong[13] = 3;  // of two
  CHECK_FALSE(parse_reply(wrong, list_out).has_value());
  CHECK(list_out == ReaderList{});
}
