// What a PIN login costs the server: opening (a durable try, KE2), proof (KE3, the try durably given back).
// The client's work is done in between and not counted.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

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

/// None: the stretching is the workstation's work, and two cores that stretch would not bring the server to
/// what it can do.
const opaque::Ksf kQuick{opaque::Ksf::Function::identity, 0, 0};

/// What the logins of one holder, or of several at once, took.
struct Cost {
  double server = 0;   ///< processor seconds
  double latency = 0;  ///< seconds of waiting for the server, all together
};

/// A server's database with its log of changes, and cards with a PIN each.
class Bench {
 public:
  explicit Bench(unsigned cards) {
    must(db_->add(store::Organisation{"org", "Bench", {}}));
    must(db_->changes().protect(SecretBytes{BytesView{Bytes(32, 0x5A)}}));
    for (unsigned n = 0; n < cards; ++n) {
      const auto card = "card" + std::to_string(n);
      must(db_->add(store::CardRow{card, "org", {}, "piv-nist", "", 1 + n, store::CardState::active, {}}));
      pins_.push_back(std::make_unique<service::Pins>(
          db_->pin_records(card),
          service::Pins::World{[this]() -> Result<service::PinKeys> { return keys_; }, *clock_, *rng_}, "org",
          card, service::PinOptions{false, kQuick}));
      const card::PinEvidence value = card::PlainPin{SecretBytes{as_bytes("471147")}};
      const card::PinUpdate update{card::PinRef::application,     &value, false, 3, std::nullopt,
                                   card::PinSource::factory_reset};
      must(pins_.back()->replace({&update, 1}));
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() {
    std::error_code ignored;
    for (const auto* end : {"", "-wal", "-shm", ".lock"})
      std::filesystem::remove(file_.string() + end, ignored);
  }

  /// `logins` of each of the first `holders` cards, all holders at the same time.
  Cost log_in(unsigned holders, unsigned logins) {
    std::mutex mutex;
    Cost sum;
    const auto before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    std::vector<std::thread> threads;
    for (unsigned n = 0; n < holders; ++n) {
      threads.emplace_back([&, n] {
        const auto one = one_holder(*pins_[n], "card" + std::to_string(n), logins);
        const std::lock_guard lock{mutex};
        sum.server -= one.client;
        sum.latency += one.waited;
      });
    }
    for (auto& thread : threads)
      thread.join();
    sum.server += seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
    return sum;
  }

 private:
  struct Holder {
    double client = 0;  ///< processor time of this thread outside the server's functions
    double waited = 0;
  };

  static Holder one_holder(service::Pins& pins, const std::string& card, unsigned logins) {
    const auto context = opaque::encode(opaque::LoginContext{"org", card, 0x80, {}, {}, {}});
    Holder out;
    for (unsigned n = 0; n < logins; ++n) {
      auto began = seconds(CLOCK_THREAD_CPUTIME_ID);
      auto login = must(opaque::ClientLogin::start(SecretBytes{as_bytes("471147")}));
      const card::PinEvidence opening = card::PinOpening{login.ke1(), {}};
      out.client += seconds(CLOCK_THREAD_CPUTIME_ID) - began;

      auto from = seconds(CLOCK_MONOTONIC);
      must(pins.verify(card::PinRef::application, opening));
      const auto challenge = *pins.take_challenge();
      out.waited += seconds(CLOCK_MONOTONIC) - from;

      began = seconds(CLOCK_THREAD_CPUTIME_ID);
      const auto done = must(std::move(login).finish(challenge.ke2, context, kQuick));
      out.client += seconds(CLOCK_THREAD_CPUTIME_ID) - began;

      from = seconds(CLOCK_MONOTONIC);
      must(pins.prove(done.ke3));
      if (!must(pins.verify(card::PinRef::application, card::PinProof{})).match)
        throw std::runtime_error{"the right PIN was no match"};
      pins.end_proven_login();
      out.waited += seconds(CLOCK_MONOTONIC) - from;
    }
    return out;
  }

  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("cardea-bench-" + std::to_string(::getpid()) + ".db");
  const std::unique_ptr<store::Database> db_ = must(store::Database::open({file_}));
  const service::PinKeys keys_ = must(service::make_pin_keys({}, {}));
  const std::unique_ptr<card::Clock> clock_ = service::make_clock();
  const std::unique_ptr<card::Rng> rng_ = service::make_rng();
  std::vector<std::unique_ptr<service::Pins>> pins_;
};

int run(unsigned count, unsigned holders, bool as_json) {
  Bench bench{holders};
  const auto alone = bench.log_in(1, count);
  const auto crowd = bench.log_in(holders, count);
  const nlohmann::json figures{{"per_second_per_core", count * holders / crowd.server},
                               {"alone_per_second_per_core", count / alone.server},
                               {"latency_ms", 1000 * alone.latency / count}};
  if (as_json) {
    std::cout << figures.dump() << '\n';
  } else {
    std::cout << "PIN login, the server's part: " << count * holders / crowd.server << " /s per core for "
              << holders << " holders at once; one alone " << count / alone.server << " /s per core, "
              << 1000 * alone.latency / count << " ms each\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What a PIN login costs the server"};
  unsigned count = 1000;
  unsigned holders = 16;
  bool as_json = false;
  app.add_option("--count", count, "logins of each holder")->capture_default_str();
  app.add_option("--holders", holders, "how many log in at the same time")->capture_default_str();
  app.add_flag("--json", as_json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(count, std::max(holders, 1U), as_json);
  } catch (const std::exception& error) {
    std::cerr << "bench_pin_login: " << error.what() << '\n';
    return 1;
  }
}
