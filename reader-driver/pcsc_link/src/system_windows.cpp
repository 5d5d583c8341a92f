#include <array>

#include "cardea/pcsc_link/system_transport.h"
#include "cardea/secret.h"
#include "cardea/windows/pipe.h"
#include "cardea/windows/text.h"

namespace cardea::pcsc_link {
namespace {

class PipeTransport final : public Transport {
 public:
  explicit PipeTransport(std::unique_ptr<windows::Pipe> pipe) : pipe_{std::move(pipe)} {}

  /// In one write: the other end would wake up for the head alone.
  Result<void> send(BytesView head, BytesView body) override {
    auto whole = concat({head, body});
    const WipeOnExit wiped{whole};  // a PIN may be in it
    return pipe_->send(whole);
  }
  Result<std::size_t> receive(std::span<std::uint8_t> into) override { return pipe_->receive(into); }
  Result<void> set_deadline(std::chrono::milliseconds limit) override {
    pipe_->set_deadline(limit);
    return {};
  }
  void shut_down() noexcept override { pipe_->shut_down(); }
  void abandon() noexcept override {}  // there is no fork() here

 private:
  std::unique_ptr<windows::Pipe> pipe_;
};

class PipeDoor final : public Listener {
 public:
  explicit PipeDoor(std::unique_ptr<windows::PipeListener> listener) : listener_{std::move(listener)} {}

  Result<std::unique_ptr<Transport>> accept() override {
    while (true) {
      CARDEA_TRY(auto pipe, listener_->accept(std::chrono::milliseconds{-1}));
      if (pipe) return std::make_unique<PipeTransport>(std::move(pipe));
    }
  }
  void shut_down() noexcept override { listener_->shut_down(); }

 private:
  std::unique_ptr<windows::PipeListener> listener_;
};

}  // namespace

std::string system_address() {
  std::array<wchar_t, 256> named{};
  const DWORD size =
      ::GetEnvironmentVariableW(L"CARDEA_PCSC_PIPE", named.data(), static_cast<DWORD>(named.size()));
  if (size > 0 && size < named.size()) return windows::narrowed({named.data(), size});
  return windows::pipe_name("pcsc", "");
}

Result<std::unique_ptr<Transport>> connect_system(const std::string& address) {
  CARDEA_TRY(auto pipe, windows::connect_pipe(address));
  return std::make_unique<PipeTransport>(std::move(pipe));
}

Result<std::unique_ptr<Listener>> listen_system(const std::string& address) {
  CARDEA_TRY(auto listener, windows::PipeListener::listen(address));
  return std::make_unique<PipeDoor>(std::move(listener));
}

}  // namespace cardea::pcsc_link
