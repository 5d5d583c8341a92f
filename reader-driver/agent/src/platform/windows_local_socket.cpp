#include "cardea/bytes.h"
#include "cardea/windows/pipe.h"
#include "local_socket.h"

namespace cardea::agent {
namespace {

class PipeConnection final : public LocalConnection {
 public:
  explicit PipeConnection(std::unique_ptr<windows::Pipe> pipe) : pipe_{std::move(pipe)} {}

  bool send(std::string_view octets) override { return pipe_->send(as_bytes(octets)).has_value(); }

  std::size_t receive(std::span<char> into) override {
    // NOLINTNEXTLINE(*-reinterpret-cast): char to octet
    return pipe_->receive({reinterpret_cast<std::uint8_t*>(into.data()), into.size()}).value_or(0);
  }

 private:
  std::unique_ptr<windows::Pipe> pipe_;
};

class PipeControl final : public LocalListener {
 public:
  explicit PipeControl(std::unique_ptr<windows::PipeListener> listener) : listener_{std::move(listener)} {}

  std::unique_ptr<LocalConnection> accept(std::chrono::milliseconds limit) override {
    auto pipe = listener_->accept(limit);
    if (!pipe || *pipe == nullptr) return nullptr;
    return std::make_unique<PipeConnection>(std::move(*pipe));
  }

 private:
  std::unique_ptr<windows::PipeListener> listener_;
};

}  // namespace

/// Two spellings of one directory are one place.
std::filesystem::path control_address(const std::filesystem::path& state_directory) {
  std::error_code ignored;
  auto place =
      std::filesystem::absolute(state_directory, ignored).lexically_normal().make_preferred().string();
  for (char& c : place)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  while (place.ends_with('\\'))
    place.pop_back();
  return windows::pipe_name("agent", place);
}

Result<std::unique_ptr<LocalConnection>> connect_local(const std::filesystem::path& address) {
  CARDEA_TRY(auto pipe, windows::connect_pipe(address.string()));
  return std::make_unique<PipeConnection>(std::move(pipe));
}

Result<std::unique_ptr<LocalListener>> LocalListener::listen(const std::filesystem::path& address) {
  CARDEA_TRY(auto listener, windows::PipeListener::listen(address.string()));
  return std::make_unique<PipeControl>(std::move(listener));
}

}  // namespace cardea::agent
