// Signatures through the vault: as many caller threads as workers, all of it but the network.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "bench_token.h"

namespace {

using cardea::Bytes;
using cardea::bench::Arguments;
using cardea::bench::must;
using Clock = std::chrono::steady_clock;

int run(const Arguments& arguments) {
  const cardea::bench::Token token{arguments.vault == "software"};
  const auto vault = token.open(arguments.processes, arguments.keys == "session");
  const auto keys = vault->keys_of("bench", "card");
  const auto key = must(keys->generate({0x9A, 1}, arguments.kind()));
  const Bytes input(cardea::card::field_size(arguments.kind()), 0x5A);

  std::atomic<std::uint64_t> operations{0};
  std::atomic<unsigned> failures{0};
  const auto began = Clock::now();
  const auto end =
      began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{arguments.seconds});
  std::vector<std::thread> callers;
  for (unsigned i = 0; i < arguments.processes; ++i) {
    callers.emplace_back([&] {
      std::uint64_t done = 0;
      while (Clock::now() < end) {
        const bool good = cardea::card::is_rsa(key.algorithm) ? keys->rsa_private(key, input).has_value()
                                                              : keys->ecdsa_sign(key, input).has_value();
        if (!good) ++failures;
        ++done;
      }
      operations += done;
    });
  }
  for (auto& caller : callers)
    caller.join();
  const auto elapsed = std::chrono::duration<double>(Clock::now() - began).count();
  arguments.print(operations, elapsed);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The vault: signatures through the pool of signers"};
  Arguments arguments;
  arguments.add_to(app);
  arguments.add_vault_to(app);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& e) {
    std::cerr << "bench_vault: " << e.what() << '\n';
    return 1;
  }
}
