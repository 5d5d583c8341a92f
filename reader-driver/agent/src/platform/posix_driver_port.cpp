#include <utility>

#include "cardea/link/socket.h"
#include "reader_port.h"
#include "readers.h"

namespace cardea::agent {

namespace {

constexpr std::chrono::seconds kHelloLimit{5};

/// A connection to the driver in pcscd.
class DriverStay final : public Stay {
 public:
  explicit DriverStay(link::Descriptor socket) : channel_{std::move(socket)} {}

  link::Channel& channel() { return channel_; }

  Result<Request> next() override {
    while (true) {
      CARDEA_TRY(auto frame, channel_.receive());
      switch (frame.type) {
        case link::FrameType::power_on:
          return Request{Ask::power_on, {}, 0};
        case link::FrameType::reset:
          return Request{Ask::reset, {}, 0};
        case link::FrameType::power_off:
          return Request{Ask::power_off, {}, 0};
        case link::FrameType::transmit:
          return Request{Ask::transmit, std::move(frame.payload), frame.number};
        default:
          break;
      }
    }
  }

  bool next_within(std::chrono::milliseconds limit) override { return channel_.wait_readable(limit); }

  Result<void> respond(const Request& request, BytesView response) override {
    return channel_.send(link::FrameType::response, response, request.number);
  }

  void end() noexcept override { channel_.shut_down(); }

 private:
  link::Channel channel_;
};

class DriverPort final : public ReaderPort {
 public:
  explicit DriverPort(std::string ifd_socket) : ifd_socket_{std::move(ifd_socket)} {}

  [[nodiscard]] std::string_view kind() const override { return "pcscd"; }

  Result<std::shared_ptr<Stay>> insert(const Bytes& atr, const std::string& label) override {
    CARDEA_TRY(auto socket, link::connect_to(ifd_socket_));
    auto stay = std::make_shared<DriverStay>(std::move(socket));
    auto& channel = stay->channel();
    CARDEA_CHECK(channel.set_deadline(kHelloLimit));
    const link::Hello hello{link::kProtocolVersion, atr, label.substr(0, link::kMaxLabel)};
    CARDEA_CHECK(channel.send(link::FrameType::hello, link::encode(hello)));
    CARDEA_TRY(const auto reply, channel.receive());
    if (reply.type != link::FrameType::welcome) {
      return fail(Errc::unavailable,
                  "the reader refuses: " + std::string{reply.payload.begin(), reply.payload.end()});
    }
    CARDEA_CHECK(channel.set_deadline(std::chrono::milliseconds{0}));  // pcscd may be silent for hours
    return stay;
  }

 private:
  const std::string ifd_socket_;
};

}  // namespace

std::vector<std::string> reader_kinds() {
  return {"pcscd", "connector", "both", "vpcd"};
}

std::shared_ptr<ReaderPort> make_driver_port(std::string ifd_socket) {
  return std::make_shared<DriverPort>(std::move(ifd_socket));
}

}  // namespace cardea::agent
