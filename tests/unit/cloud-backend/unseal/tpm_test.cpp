// The key in a real TPM's sealed object: swtpm, started here.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "cardea/test/temp_dir.h"
#include "cardea/unseal/local_share.h"

namespace cardea::test {

namespace {

namespace fs = std::filesystem;
using unseal::UnsealKey;

bool listens(std::uint16_t port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return connected;
}

/// tpm2-tss wants the control port beside the other.
class SoftwareTpm {
 public:
  SoftwareTpm() {
    for (int attempt = 0; attempt < 20 && pid_ < 0; ++attempt)
      start(static_cast<std::uint16_t>(20'000 + (::getpid() * 7 + attempt * 131) % 20'000));
    REQUIRE(pid_ > 0);
  }
  SoftwareTpm(const SoftwareTpm&) = delete;
  SoftwareTpm& operator=(const SoftwareTpm&) = delete;
  ~SoftwareTpm() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] std::string tcti() const { return "swtpm:host=127.0.0.1,port=" + std::to_string(port_); }

 private:
  void start(std::uint16_t port) {
    if (listens(port) || listens(static_cast<std::uint16_t>(port + 1))) return;
    std::vector<std::string> arguments{"swtpm",
                                       "socket",
                                       "--tpm2",
                                       "--tpmstate",
                                       "dir=" + directory_.path.string(),
                                       "--server",
                                       "type=tcp,bindaddr=127.0.0.1,port=" + std::to_string(port),
                                       "--ctrl",
                                       "type=tcp,bindaddr=127.0.0.1,port=" + std::to_string(port + 1),
                                       "--flags",
                                       "not-need-init,startup-clear",
                                       "--log",
                                       "level=0"};
    std::vector<char*> pointers;
    for (auto& argument : arguments)
      pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawnp(&pid, "swtpm", nullptr, nullptr, pointers.data(), environ) != 0) return;
    while (!listens(static_cast<std::uint16_t>(port + 1))) {
      if (::waitpid(pid, nullptr, WNOHANG) == pid) return;  // the port was taken meanwhile
      ::sched_yield();
    }
    pid_ = pid;
    port_ = port;
  }

  TempDir directory_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

UnsealKey some_key() {
  UnsealKey key;
  for (std::size_t i = 0; i < key.size(); ++i)
    key.expose()[i] = static_cast<std::uint8_t>(3 * i + 9);
  return key;
}

}  // namespace

TEST_CASE("what a TPM has sealed opens there, again and again, and at no other [B7]") {
  const SoftwareTpm tpm;
  const SoftwareTpm other;
  const auto key = some_key();
  const auto blob = unseal::seal_in_tpm(tpm.tcti(), key);
  if (!blob) FAIL(blob.error().what);
  for (int i = 0; i < 5; ++i) {  // nothing is left behind in the TPM, which has room for three objects
    const auto back = unseal::unseal_in_tpm(tpm.tcti(), *blob);
    if (!back) FAIL(back.error().what);
    CHECK(same_secret(*back, key));
  }
  CHECK(unseal::unseal_in_tpm(other.tcti(), *blob).error() ==
        Error{Errc::denied, "the TPM does not know what was sealed: it is another one, or was cleared"});
  for (std::size_t cut = 0; cut < blob->size(); cut += 11)
    CHECK_FALSE(unseal::unseal_in_tpm(tpm.tcti(), BytesView{*blob}.first(cut)).has_value());
  auto wrong = *blob;
  wrong[20] ^= 1U;  // in the authorisation value
  CHECK_FALSE(unseal::unseal_in_tpm(tpm.tcti(), wrong).has_value());

  TempDir directory;
  const auto file = directory.path / "tpm";
  CHECK_FALSE(unseal::share_from_tpm(tpm.tcti(), file).value().has_value());
  REQUIRE(unseal::save_in_tpm(tpm.tcti(), file, key).has_value());
  const auto share = unseal::share_from_tpm(tpm.tcti(), file).value();
  REQUIRE(share.has_value());
  CHECK(same_secret(unseal::combine({&*share, 1}).value(), key));
}

TEST_CASE("without a TPM it is said so [B7]") {
  CHECK(unseal::seal_in_tpm("device:/nonexistent/tpm", some_key()).error().code == Errc::unavailable);
}

TEST_CASE("a share that the service manager keeps [B7]") {
  TempDir directory;
  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK_FALSE(unseal::share_from_credential().value().has_value());
  ::setenv("CREDENTIALS_DIRECTORY", directory.path.c_str(), 1);
  CHECK_FALSE(unseal::share_from_credential().value().has_value());
  const auto text = unseal::to_text(unseal::whole(some_key()), 0);
  std::ofstream{directory.path / "cardea-unseal"} << std::string{text.expose().begin(), text.expose().end()};
  const auto share = unseal::share_from_credential().value();
  REQUIRE(share.has_value());
  CHECK(share->number == 0);
  CHECK(same_secret(unseal::combine({&*share, 1}).value(), some_key()));
  std::ofstream{directory.path / "cardea-unseal"} << "nonsense";
  CHECK(unseal::share_from_credential().error().code == Errc::invalid);
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

}  // namespace cardea::test
