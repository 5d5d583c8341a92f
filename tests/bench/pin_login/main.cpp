// What a PIN login costs the server: opening (a durable try, KE2), proof (KE3, the try durably given back).
// The client's work, Argon2id above all, is done in between and not counted.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cardea/api/opaque.h"
#include "cardea/service/pins.h"
#include "cardea/service/world.h"
#include "cardea/store/database.h"

namespace {

using namespace cardea;  // NOLINT(google-build-using-namespace): a program of one file
namespace opaque = api::opaque;

double seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().what};
  return *std::move(result);
}
void must(const Result<void>& result) {
  if (!result) throw std::runtime_error{result.error().what};
}

const opaque::Ksf kQuick{opaque::Ksf::Function::argon2id, 8 * 1024, 1};

int run(unsigned count, bool as_json) {
  const auto file =
      std::filesystem::temp_directory_path() / ("cardea-bench-" + std::to_string(::getpid()) + ".db");
  const auto db = must(store::Database::open({file}));
  must(db->add(store::Organisation{"org", "Bench", {}}));
  must(db->add(store::CardRow{"card", "org", {}, "piv-nist", "", 1, store::CardState::active, {}}));
  const auto keys = must(service::make_pin_keys({}, {}));
  const auto clock = service::make_clock();
  const auto rng = service::make_rng();
  service::Pins pins{db->pin_records("card"),
                     service::Pins::World{[&]() -> Result<service::PinKeys> { return keys; }, *clock, *rng},
                     "org", "card", service::PinOptions{false, kQuick}};
  const card::PinEvidence value = card::PlainPin{SecretBytes{as_bytes("471147")}};
  const card::PinUpdate update{card::PinRef::application, &value, true, 3};
  must(pins.replace({&update, 1}));
  const auto context = opaque::encode(opaque::LoginContext{"org", "card", 0x80, {}, {}, {}});

  double client = 0;  // this thread's processor time outside the server's functions
  double wall = 0;
  const auto cpu_before = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (unsigned n = 0; n < count; ++n) {
    auto began = seconds(CLOCK_THREAD_CPUTIME_ID);
    auto login = must(opaque::ClientLogin::start(SecretBytes{as_bytes("471147")}));
    const card::PinEvidence opening = card::PinOpening{login.ke1(), {}};
    client += seconds(CLOCK_THREAD_CPUTIME_ID) - began;

    auto from = seconds(CLOCK_MONOTONIC);
    must(pins.verify(card::PinRef::application, opening));
    const auto challenge = *pins.take_challenge();
    wall += seconds(CLOCK_MONOTONIC) - from;

    began = seconds(CLOCK_THREAD_CPUTIME_ID);
    const auto done = must(std::move(login).finish(challenge.ke2, context, kQuick));
    client += seconds(CLOCK_THREAD_CPUTIME_ID) - began;

    from = seconds(CLOCK_MONOTONIC);
    must(pins.prove(done.ke3));
    if (!must(pins.verify(card::PinRef::application, card::PinProof{})).match) return 1;
    pins.end_proven_login();
    wall += seconds(CLOCK_MONOTONIC) - from;
  }
  const auto server = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before - client;
  std::error_code ignored;
  for (const auto* end : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + end, ignored);
  const nlohmann::json figures{{"per_second_per_core", count / server}, {"latency_ms", 1000 * wall / count}};
  if (as_json) {
    std::cout << figures.dump() << '\n';
  } else {
    std::cout << "PIN login, the server's part: " << count / server << " /s per core, " << 1000 * wall / count
              << " ms for one that comes alone\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a PIN login costs the server"};
  unsigned count = 1000;
  bool as_json = false;
  app.add_option("--count", count, "logins");
  app.add_flag("--json", as_json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(count, as_json);
  } catch (const std::exception& error) {
    std::cerr << "bench_pin_login: " << error.what() << '\n';
    return 1;
  }
}
