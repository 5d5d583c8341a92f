#include "reader_port.h"
#include "readers.h"

namespace cardea::agent {
namespace {

/// The command line offers no such reader here.
class NoDriver final : public ReaderPort {
 public:
  [[nodiscard]] std::string_view kind() const override { return "pcscd"; }
  Result<std::shared_ptr<Stay>> insert(const Bytes& /*atr*/, const std::string& /*label*/) override {
    return fail(Errc::unavailable, "there is no pcscd on Windows; run with --readers connector or vpcd");
  }
};

}  // namespace

std::vector<std::string> reader_kinds() {
  return {"connector", "vpcd"};
}

std::shared_ptr<ReaderPort> make_driver_port(std::string /*ifd_socket*/) {
  return std::make_shared<NoDriver>();
}

}  // namespace cardea::agent
