// Measures the store on this machine: store_bench [DIRECTORY]. Not a test: numbers depend on the disk.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <vector>

#include "cardea/store/database.h"
#include "cardea/test/record_pins.h"

namespace {

using cardea::Bytes;
using cardea::store::Database;
using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

void write_loop(Database& db, int thread, int count, std::vector<double>& latencies) {
  const auto store = db.card_store("card" + std::to_string(thread));
  for (int i = 0; i < count; ++i) {
    const auto start = Clock::now();
    const cardea::card::Change change{{cardea::card::RecordSpace::object, 1}, Bytes(600, std::uint8_t(i))};
    if (!store->commit(std::span{&change, 1})) std::abort();
    latencies.push_back(microseconds(Clock::now() - start));
  }
}

void writers(Database& db, int callers, int count) {
  std::vector<std::vector<double>> latencies(static_cast<std::size_t>(callers));
  std::vector<std::thread> threads;
  const auto before = db.stats();
  const auto start = Clock::now();
  for (int t = 0; t < callers; ++t) {
    threads.emplace_back([&, t] { write_loop(db, t, count, latencies[static_cast<std::size_t>(t)]); });
  }
  for (auto& thread : threads)
    thread.join();
  const double seconds = microseconds(Clock::now() - start) / 1e6;
  std::vector<double> all;
  for (const auto& some : latencies)
    all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  const auto after = db.stats();
  std::printf(
      "%2d callers: %7.0f commits/s, latency median %6.0f us, 99%% %6.0f us, %.1f callers a transaction\n",
      callers, static_cast<double>(all.size()) / seconds, all[all.size() / 2], all[all.size() * 99 / 100],
      static_cast<double>(after.writes - before.writes) /
          static_cast<double>(after.commits - before.commits));
}

template <class F>
void each(const char* what, int count, F call) {
  const auto start = Clock::now();
  for (int i = 0; i < count; ++i)
    call();
  std::printf("%-34s %9.3f us\n", what, microseconds(Clock::now() - start) / count);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = argc > 1 ? argv[1] : std::filesystem::temp_directory_path();
  const auto file = directory / "cardea-store-bench.db";
  for (const auto* end : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + end);
  auto opened = Database::open({file});
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().what.c_str());
    return 1;
  }
  auto& db = **opened;
  // As in the server, but for `store_bench DIRECTORY plain`.
  const cardea::SecretBytes key{cardea::BytesView{Bytes(32, 1)}};
  if (argc < 3 && !db.changes().protect(key)) return 1;
  if (!db.add(cardea::store::Organisation{"org", "Acme", {}})) return 1;
  for (unsigned t = 0; t < 64; ++t) {
    const cardea::store::CardRow card{"card" + std::to_string(t), "org", {}, "piv-yubikey5", "", t, {}, {}};
    auto row = card;
    row.state = cardea::store::CardState::active;
    if (!db.add(row)) return 1;
  }
  writers(db, 1, 2000);
  writers(db, 16, 500);
  writers(db, 64, 200);

  const auto store = db.card_store("card0");
  const auto vault = std::make_unique<cardea::test::RecordPins>(db.pin_records("card0"));
  each("generation", 1000000, [&] { return store->generation().has_value(); });
  each("get, session open", 200000, [&] {
    return store->get({cardea::card::RecordSpace::object, 1}).has_value();
  });
  each("get, first of a session", 20000, [&] {
    return db.card_store("card1")->get({cardea::card::RecordSpace::object, 1}).has_value();
  });
  each("card row from the database", 50000, [&] { return db.card("card7").has_value(); });
  each("all rows of a card compared", 20000,
       [&] { return db.changes().check_card("card7", "").has_value(); });
  each("audit append", 500, [&] {
    return db.append({0, {}, "org", "card0", "device:d", "key.use", true, "{}"}).has_value();
  });
  const cardea::card::PinEvidence pin =
      cardea::card::PlainPin{cardea::SecretBytes{cardea::as_bytes("123456")}};
  const cardea::card::PinUpdate update{cardea::card::PinRef::application, &pin, false, 3};
  each("PIN replace", 20, [&] { return vault->replace(std::span{&update, 1}).has_value(); });
  each("PIN status", 50000, [&] { return vault->status(cardea::card::PinRef::application).has_value(); });
  each("PIN verify, right", 50,
       [&] { return vault->verify(cardea::card::PinRef::application, pin).has_value(); });
  opened->reset();
  for (const auto* end : {"", "-wal", "-shm", ".lock"})
    std::filesystem::remove(file.string() + end);
  return 0;
}
