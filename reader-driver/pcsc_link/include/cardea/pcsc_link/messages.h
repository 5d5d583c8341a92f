#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "cardea/pcsc_link/frame.h"
#include "cardea/pcsc_link/vocabulary.h"

// What is in the frames: encoded and taken apart by both ends. Errors of all parsers: `invalid`; the
// connection is of no further use then. What a parser accepts, the encoder writes again octet for octet.
namespace cardea::pcsc_link {

/// Longest name of a reader in a request; a longer one names none.
inline constexpr std::size_t kMaxReaderName = 128;

/// version 1 | scope 4.
struct Hello {
  std::uint8_t version = kProtocolVersion;
  std::uint32_t scope = scope::kSystem;

  friend bool operator==(const Hello&, const Hello&) = default;
};
Bytes encode(const Hello& hello);
Result<Hello> parse_hello(BytesView payload);

/// version 1 | code 4. The code is what SCardEstablishContext returns.
struct Welcome {
  std::uint8_t version = kProtocolVersion;
  Code code = code::kSuccess;

  friend bool operator==(const Welcome&, const Welcome&) = default;
};
Bytes encode(const Welcome& welcome);
Result<Welcome> parse_welcome(BytesView payload);

/// The requests, in the order of their octets on the wire; numbers take 4 octets unless said.
namespace request {
struct Connect {
  std::uint32_t share = 0;
  std::uint32_t protocols = 0;
  std::string reader;  ///< the rest
  friend bool operator==(const Connect&, const Connect&) = default;
};
struct Reconnect {
  CardId card = 0;
  std::uint32_t share = 0;
  std::uint32_t protocols = 0;
  std::uint32_t initialization = 0;
  friend bool operator==(const Reconnect&, const Reconnect&) = default;
};
struct Disconnect {
  CardId card = 0;
  std::uint32_t disposition = 0;
  friend bool operator==(const Disconnect&, const Disconnect&) = default;
};
struct Begin {
  CardId card = 0;
  friend bool operator==(const Begin&, const Begin&) = default;
};
struct End {
  CardId card = 0;
  std::uint32_t disposition = 0;
  friend bool operator==(const End&, const End&) = default;
};
struct Status {
  CardId card = 0;
  bool wait = false;  ///< 1 octet: 00 or 01
  friend bool operator==(const Status&, const Status&) = default;
};
struct Transmit {
  CardId card = 0;
  std::uint32_t protocol = 0;
  Bytes command;  ///< the rest; may hold a PIN
  friend bool operator==(const Transmit&, const Transmit&) = default;
};
struct Control {
  CardId card = 0;
  std::uint32_t control_code = 0;
  Bytes input;  ///< the rest; may hold a PIN
  friend bool operator==(const Control&, const Control&) = default;
};
struct Readers {
  friend bool operator==(const Readers&, const Readers&) = default;
};
struct Wait {
  std::uint32_t call = 0;
  std::uint64_t known = 0;  ///< 8 octets
  std::uint32_t limit = kInfinite;
  friend bool operator==(const Wait&, const Wait&) = default;
};
struct Cancel {
  std::uint32_t call = 0;
  friend bool operator==(const Cancel&, const Cancel&) = default;
};
struct Release {
  friend bool operator==(const Release&, const Release&) = default;
};
}  // namespace request

using Request = std::variant<request::Connect, request::Reconnect, request::Disconnect, request::Begin,
                             request::End, request::Status, request::Transmit, request::Control,
                             request::Readers, request::Wait, request::Cancel, request::Release>;

FrameType type_of(const Request& request);
Bytes encode(const Request& request);
/// What is in a request frame. Wipes the payload of a frame that may hold a PIN once it is taken out.
Result<Request> parse_request(Frame& frame);

/// A reply's payload: code 4 | what the request's kind adds.
Bytes encode_reply(Code code);
/// Connect, reconnect: card 4 | protocol 4.
Bytes encode_reply(Code code, const Connected& connected);
/// Status: one record. A record: state 4 | events 2 | sharing 4 | protocol 4 | ATR length 1 | ATR |
/// name length 1 | name.
Bytes encode_reply(Code code, const ReaderRecord& record);
/// Transmit: protocol 4 | response (the rest).
Bytes encode_reply(Code code, const Transmitted& transmitted);
/// Control: the reader's answer (the rest).
Bytes encode_reply(Code code, BytesView answer);
/// Readers, wait: generation 8 | number of records 2 | records.
Bytes encode_reply(Code code, const ReaderList& list);

Result<Code> parse_reply(BytesView payload);
Result<Code> parse_reply(BytesView payload, Connected& out);
Result<Code> parse_reply(BytesView payload, ReaderRecord& out);
Result<Code> parse_reply(BytesView payload, Transmitted& out);
Result<Code> parse_reply(BytesView payload, Bytes& out);
Result<Code> parse_reply(BytesView payload, ReaderList& out);

}  // namespace cardea::pcsc_link
