#include "token_bench.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>

namespace cardea::test {

namespace fs = std::filesystem;

ScratchDirectory::ScratchDirectory() {
  std::string name = fs::temp_directory_path() / "cardea-vault-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

TestToken::TestToken() : hsm_{vault::init_softhsm(scratch_.path() / "hsm").value()} {
  install_signer(true);
  REQUIRE(vault::Vault::open(options()).value()->ensure_tenant("acme").has_value());
}

void TestToken::install_signer(bool installed) const {
  const auto link = scratch_.path() / "cardea-signer";
  fs::remove(link);
  if (installed) fs::create_symlink(vault::default_signer(), link);
}

vault::Options TestToken::options() const {
  vault::Options out;
  out.module = hsm_.module;
  out.token_label = hsm_.token_label;
  out.user_pin = hsm_.user_pin.clone();
  out.softhsm_config = hsm_.config_file;
  out.signer = scratch_.path() / "cardea-signer";
  return out;
}

const TestToken& shared_token() {
  static const TestToken token;
  return token;
}

std::vector<pid_t> signers() {
  std::vector<pid_t> out;
  for (const auto& entry : fs::directory_iterator{"/proc"}) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file{entry.path() / "stat"};
    std::string line;
    std::getline(file, line);
    const auto end = line.rfind(')');
    if (line.find("(cardea-signer)") == std::string::npos || end == std::string::npos) continue;
    const auto state = line[end + 2];
    if (state != 'Z' && std::stol(line.substr(end + 4)) == ::getpid()) out.push_back(std::stoi(name));
  }
  return out;
}

void stop(pid_t process) {
  REQUIRE(::kill(process, SIGSTOP) == 0);
  for (;;) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
    std::string line;
    std::getline(file, line);
    const auto end = line.rfind(')');
    REQUIRE(end != std::string::npos);
    if (line[end + 2] == 'T') return;
  }
}

SoftHsmBench::SoftHsmBench() : vault_{vault::Vault::open(token_.options()).value()} {
  card_ = vault_->keys_of("acme", "card-1");
  other_ = vault_->keys_of("acme", "card-2");
}

bool SoftHsmBench::set_available(bool available) {
  token_.install_signer(available);
  if (!available) {
    for (const auto process : signers())
      ::kill(process, SIGKILL);
    return true;
  }
  while (!vault_->check())
    ::sched_yield();
  return true;
}

}  // namespace cardea::test
