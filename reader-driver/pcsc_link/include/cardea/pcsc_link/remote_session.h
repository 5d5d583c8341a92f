#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "cardea/pcsc_link/session.h"
#include "cardea/pcsc_link/transport.h"

namespace cardea::pcsc_link {

/// A context at the resource manager of another process, over a transport of its own.
class RemoteSession final : public Session {
 public:
  /// Says hello and hears welcome, within `kHelloLimit`. Codes: kNoService when nobody answers or somebody
  /// who speaks another version, kInvalidValue for a scope that is none.
  static Code open(std::unique_ptr<Transport> transport, std::uint32_t scope, std::unique_ptr<Session>& out);

  static constexpr std::chrono::seconds kHelloLimit{5};

  Code connect(const std::string& reader, std::uint32_t share, std::uint32_t protocols,
               Connected& out) override;
  Code reconnect(CardId card, std::uint32_t share, std::uint32_t protocols, std::uint32_t initialization,
                 Connected& out) override;
  Code disconnect(CardId card, std::uint32_t disposition) override;
  Code begin(CardId card) override;
  Code end(CardId card, std::uint32_t disposition) override;
  Code status(CardId card, bool wait, ReaderRecord& out) override;
  Code transmit(CardId card, std::uint32_t protocol, BytesView command, Transmitted& out) override;
  Code control(CardId card, std::uint32_t control_code, BytesView input, Bytes& out) override;
  Code readers(ReaderList& out) override;
  Code wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit, ReaderList& out) override;
  void cancel(std::uint32_t call) noexcept override;
  Code release() override;
  void abandon() noexcept override;

 private:
  explicit RemoteSession(std::unique_ptr<Transport> transport) : channel_{std::move(transport)} {}

  /// Sends a request and takes its reply apart into `out`.
  template <class... Out>
  Code ask(FrameType type, BytesView payload, Out&... out);

  Channel channel_;
  std::uint32_t asked_ = 0;
  bool broken_ = false;  // the other end has gone or made no sense
};

}  // namespace cardea::pcsc_link
