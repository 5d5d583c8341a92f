// Many signatures through the vault, and how much memory its workers take meanwhile.

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "bench_token.h"

namespace {

using cardea::bench::Arguments;
using cardea::bench::must;
namespace fs = std::filesystem;

/// Resident octets of the largest of this process's children, as /proc has them.
std::uint64_t largest_child() {
  std::uint64_t out = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator{"/proc", ignored}) {
    std::ifstream file{entry.path() / "stat"};
    std::string line;
    if (!std::getline(file, line)) continue;
    const auto end = line.rfind(')');
    if (line.find("(cardea-signer)") == std::string::npos || end == std::string::npos) continue;
    if (std::stol(line.substr(end + 4)) != ::getpid()) continue;
    std::ifstream statm{entry.path() / "statm"};
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    if (statm >> pages >> resident)
      out = std::max(out, resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  }
  return out;
}

int run(const Arguments& arguments, std::uint64_t count) {
  constexpr std::uint64_t kGlance = 1'000;
  const cardea::bench::Token token{arguments.vault == "software"};
  const auto vault = token.open(arguments.processes, arguments.keys == "session");
  const auto keys = vault->keys_of("bench", "card");
  const auto key = must(keys->generate({0x9A, 1}, arguments.kind()));
  const cardea::Bytes input(cardea::card::field_size(arguments.kind()), 0x5A);
  const auto first = largest_child();
  auto most = first;
  for (std::uint64_t n = 1; n <= count; ++n) {
    if (cardea::card::is_rsa(key.algorithm)) {
      must(keys->rsa_private(key, input));
    } else {
      must(keys->ecdsa_sign(key, input));
    }
    if (n % kGlance == 0) most = std::max(most, largest_child());
  }
  const auto stats = vault->stats();
  must(vault->check());  // no key is left
  std::cout << "{\"signatures\":" << count << ",\"resident_first\":" << first << ",\"resident_most\":" << most
            << ",\"resident_last\":" << largest_child() << ",\"recycled\":" << stats.recycled
            << ",\"restarts\":" << stats.restarts << ",\"failures\":" << stats.failures << "}\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Signatures through the vault, and the memory of its workers"};
  Arguments arguments;
  std::uint64_t count = 1'000'000;
  arguments.add_to(app);
  arguments.add_vault_to(app);
  app.add_option("--count", count)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments, count);
  } catch (const std::exception& e) {
    std::cerr << "bench_soak: " << e.what() << '\n';
    return 1;
  }
}
