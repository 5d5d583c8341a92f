#pragma once

#include <optional>

#include "bench.h"

namespace cardea::test {

/// A host that knows the keys of ChannelBench, straight from the specifications over OpenSSL's own CMAC and
/// ciphers: nothing of it is shared with the card.
class ChannelHost {
 public:
  ChannelHost(ChannelBench& card, std::uint8_t version);

  /// INITIALIZE UPDATE, and the card's cryptogram checked.
  bool initialize();
  /// The EXTERNAL AUTHENTICATE that follows, with a right MAC; `flip` changes one bit of the cryptogram.
  apdu::Command authentication(std::uint8_t level, bool flip = false);
  bool open(std::uint8_t level);

  apdu::Command wrap(const apdu::Command& command);
  /// Nothing when the answer's MAC or padding is wrong.
  std::optional<apdu::Response> unwrap(const apdu::Response& response);

  /// One command there and its answer back, in full.
  std::optional<apdu::Response> exchange(const apdu::Command& command) {
    return unwrap(card_.send(wrap(command)));
  }

  /// With the data encryption key of an SCP02 session.
  [[nodiscard]] Bytes encrypt_sensitive(BytesView blocks) const;

 private:
  bool initialize02(BytesView answer, BytesView challenge);
  bool initialize03(BytesView answer, BytesView challenge);
  apdu::Command wrap02(apdu::Command command);
  apdu::Command wrap03(apdu::Command command);

  ChannelBench& card_;
  card::gp::KeySet keys_;
  Bytes static_key_;
  std::uint8_t level_ = 0;
  Bytes enc_, mac_, rmac_, dek_, cryptogram_, chaining_;
  std::uint64_t counter_ = 0;
};

}  // namespace cardea::test
