#pragma once

#include <memory>
#include <string>

#include "cardea/cms/channel.h"
#include "context.h"

namespace cardea::cms {

/// Exclusive connection with T=1. When the channel goes, the card loses its power at once: whoever fills the
/// reader sees that it is done with (pcscd by itself waits 5 seconds).
class PcscChannel final : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> open(std::shared_ptr<Context> context, const std::string& reader);

  PcscChannel(std::shared_ptr<Context> context, SCARDHANDLE card)
      : context_{std::move(context)}, card_{card} {}
  PcscChannel(const PcscChannel&) = delete;
  PcscChannel& operator=(const PcscChannel&) = delete;
  PcscChannel(PcscChannel&&) = delete;
  PcscChannel& operator=(PcscChannel&&) = delete;
  ~PcscChannel() override;

  Result<Bytes> transmit(BytesView command) override;
  Result<void> begin() override;
  void end() noexcept override;

 private:
  std::shared_ptr<Context> context_;
  SCARDHANDLE card_;
  bool in_transaction_ = false;
};

}  // namespace cardea::cms
