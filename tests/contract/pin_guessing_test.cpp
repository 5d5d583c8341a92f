// Many guess at once, and somebody pulls the plug: the server's PIN logins over SQLite, attacked from both
// sides.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "cardea/api/opaque.h"
#include "cardea/service/pins.h"
#include "cardea/service/world.h"
#include "cardea/store/database.h"
#include "cardea/test/must.h"
#include "cardea/test/temp_dir.h"

namespace cardea::test {
namespace {

namespace opaque = api::opaque;
using card::PinRef;
using store::Database;

// Stretched as little as may be: it is the client's work, and nothing here depends on it.
const opaque::Ksf kQuick{opaque::Ksf::Function::argon2id, 8 * 1024, 1};

unsigned from_environment(const char* name, unsigned usual) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? usual : static_cast<unsigned>(std::strtoul(value, nullptr, 10));
}

std::unique_ptr<service::Pins> pins_of(Database& db) {
  static const auto keys = service::make_pin_keys({}, {}).value();
  static const auto clock = service::make_clock();
  static const auto rng = service::make_rng();
  return std::make_unique<service::Pins>(
      db.pin_records("card"),
      service::Pins::World{[]() -> Result<service::PinKeys> { return keys; }, *clock, *rng}, "org", "card",
      service::PinOptions{false, kQuick});
}

card::PinEvidence value(std::string_view text) {
  return card::PlainPin{SecretBytes{as_bytes(text)}};
}

Result<void> set_pin(Database& db, unsigned tries) {
  const auto right = value("right");
  const card::PinUpdate update{PinRef::application,           &right, true, tries, std::nullopt,
                               card::PinSource::factory_reset};
  return pins_of(db)->replace({&update, 1});
}

void furnish(Database& db, unsigned tries) {
  REQUIRE(db.add(store::Organisation{"org", "Acme", {}}));
  REQUIRE(db.add(store::CardRow{"card", "org", {}, "piv-nist", "", 1, store::CardState::active, {}}));
  REQUIRE(set_pin(db, tries));
}

/// One login by the book; whether a challenge came, and whether it was proven.
struct Tried {
  bool challenged = false;
  bool match = false;
};
Result<Tried> try_pin(service::Pins& pins, std::string_view text) {
  CARDEA_TRY(auto client, opaque::ClientLogin::start(SecretBytes{as_bytes(text)}));
  CARDEA_CHECK(pins.verify(PinRef::application, card::PinOpening{client.ke1(), {}}));
  const auto challenge = pins.take_challenge();
  if (!challenge) return Tried{};
  const auto context = opaque::encode(opaque::LoginContext{"org", "card", 0x80, {}, {}, {}});
  const auto done = std::move(client).finish(challenge->ke2, context, kQuick);
  if (!done) return Tried{true, false};
  CARDEA_CHECK(pins.prove(done->ke3));
  CARDEA_TRY(const auto verdict, pins.verify(PinRef::application, card::PinProof{}));
  return Tried{true, verdict.match};
}

using Mac = std::array<std::uint8_t, opaque::kKe3Size>;
/// A login with the right value whose proof goes nowhere; nothing when there was no try left.
Result<std::optional<Mac>> lose_proof(service::Pins& pins) {
  CARDEA_TRY(auto client, opaque::ClientLogin::start(SecretBytes{as_bytes("right")}));
  CARDEA_CHECK(pins.verify(PinRef::application, card::PinOpening{client.ke1(), {}}));
  const auto challenge = pins.take_challenge();
  if (!challenge) return std::optional<Mac>{};
  const auto context = opaque::encode(opaque::LoginContext{"org", "card", 0x80, {}, {}, {}});
  CARDEA_TRY(const auto done, std::move(client).finish(challenge->ke2, context, kQuick));
  return std::optional<Mac>{done.ke3};
}
/// In a session of its own, as after a kill.
Result<bool> refund(Database& db, const Mac& mac) {
  CARDEA_TRY(const auto verdict, pins_of(db)->prove_late(PinRef::application, mac));
  return verdict.match;
}

constexpr unsigned kTries = 5;

struct Note {
  // 'W' a wrong try begins, 'R' a right one, 'L' a right one whose proof is lost, 'F' the refund of the last
  // lost proof, 'P' that of one that was given back before; small letters: they have ended, 'x' without a
  // match.
  char what = 0;
};
void tell(int pipe, char what) {
  const Note note{what};
  if (::write(pipe, &note, sizeof note) != static_cast<ssize_t>(sizeof note)) ::_exit(9);
}

[[noreturn]] void child(const std::filesystem::path& file, int pipe) {
  auto db = Database::open({file});
  if (!db) ::_exit(8);
  const auto pins = pins_of(**db);
  std::optional<Mac> old;
  for (unsigned n = 0;; ++n) {
    if (n % 5 == 4) {
      tell(pipe, 'L');
      const auto lost = lose_proof(*pins);
      if (!lost) ::_exit(6);
      tell(pipe, *lost ? 'l' : 'x');
      if (!*lost) continue;
      tell(pipe, 'F');
      const auto back = refund(**db, **lost);
      if (!back || !*back) ::_exit(5);
      tell(pipe, 'f');
      old = *lost;
      continue;
    }
    if (n % 5 == 1 && old) {
      tell(pipe, 'P');
      const auto back = refund(**db, *old);
      if (!back || *back) ::_exit(4);
      tell(pipe, 'p');
    }
    const bool right = n % 5 == 2;
    tell(pipe, right ? 'R' : 'W');
    const auto tried = try_pin(*pins, right ? "right" : "wrong");
    if (!tried) ::_exit(7);
    tell(pipe, right ? (tried->match ? 'r' : 'x') : 'w');
  }
}

}  // namespace

TEST_CASE("64 clients guess at once for one card: never more than three comparisons [C3]") {
  constexpr unsigned kClients = 64;
  const unsigned rounds = from_environment("CARDEA_GUESSING_ROUNDS", 20);
  const TempDir directory;
  const auto db = must(Database::open({directory / "cardea.db"}));
  furnish(*db, 3);
  std::atomic<unsigned> challenges = 0;
  std::atomic<unsigned> failures = 0;
  unsigned most = 0;
  std::barrier start{static_cast<std::ptrdiff_t>(kClients) + 1};
  std::barrier end{static_cast<std::ptrdiff_t>(kClients) + 1};
  std::vector<std::thread> clients;
  for (unsigned c = 0; c < kClients; ++c) {
    clients.emplace_back([&] {
      const auto pins = pins_of(*db);
      for (unsigned round = 0; round < rounds; ++round) {
        auto client = opaque::ClientLogin::start(SecretBytes{as_bytes("wrong")});
        start.arrive_and_wait();
        // A challenge is all that a guess can be compared with.
        const auto verdict = pins->verify(PinRef::application, card::PinOpening{client->ke1(), {}});
        if (!verdict || verdict->match) ++failures;
        if (pins->take_challenge()) ++challenges;
        end.arrive_and_wait();
      }
    });
  }
  for (unsigned round = 0; round < rounds; ++round) {
    challenges = 0;
    start.arrive_and_wait();
    end.arrive_and_wait();
    most = std::max(most, challenges.load());
    CHECK(challenges == 3);
    CHECK(must(db->pin_records("card")->status(PinRef::application)).tries_left == 0);
    REQUIRE(set_pin(*db, 3));
  }
  for (auto& client : clients)
    client.join();
  CHECK(failures == 0);
  MESSAGE(rounds << " rounds, at most " << most << " comparisons in one");
}

TEST_CASE("64 guess while lost proofs come back: never more comparisons than tries and refunds [C3]") {
  constexpr unsigned kClients = 64;
  const unsigned rounds = from_environment("CARDEA_GUESSING_ROUNDS", 20);
  const TempDir directory;
  const auto db = must(Database::open({directory / "cardea.db"}));
  furnish(*db, 3);
  std::atomic<unsigned> guesses = 0;
  std::atomic<unsigned> failures = 0;
  std::atomic<unsigned> refunds = 0;
  std::optional<Mac> lost;
  std::barrier start{static_cast<std::ptrdiff_t>(kClients) + 1};
  std::barrier end{static_cast<std::ptrdiff_t>(kClients) + 1};
  std::vector<std::thread> clients;
  for (unsigned c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      const auto pins = pins_of(*db);
      for (unsigned round = 0; round < rounds; ++round) {
        auto client = opaque::ClientLogin::start(SecretBytes{as_bytes("wrong")});
        start.arrive_and_wait();
        // Many show the same proof, in the middle of it all: it counts once.
        if (c % 8 == 0) {
          const auto back = refund(*db, *lost);
          if (!back) ++failures;
          if (back && *back) ++refunds;
        }
        const auto verdict = pins->verify(PinRef::application, card::PinOpening{client->ke1(), {}});
        if (!verdict || verdict->match) ++failures;
        if (pins->take_challenge()) ++guesses;
        end.arrive_and_wait();
      }
    });
  }
  for (unsigned round = 0; round < rounds; ++round) {
    guesses = 0;
    refunds = 0;
    lost = must(lose_proof(*pins_of(*db)));
    start.arrive_and_wait();
    end.arrive_and_wait();
    CHECK(refunds == 1);
    CHECK(guesses >= 2);
    CHECK(guesses <= 3);
    CHECK(must(db->pin_records("card")->status(PinRef::application)).tries_left == 3 - guesses);
    REQUIRE(set_pin(*db, 3));
  }
  for (auto& client : clients)
    client.join();
  CHECK(failures == 0);
}

TEST_CASE("tries under random kills: the counter is never above the truth [C3]") {
  const unsigned kills = from_environment("CARDEA_GUESSING_KILLS", 20);
  const unsigned seed = from_environment("CARDEA_SEED", std::random_device{}());
  MESSAGE("CARDEA_SEED=" << seed);
  std::mt19937 random{seed};
  const TempDir directory;
  const auto file = directory / "cardea.db";
  {
    const auto db = must(Database::open({file}));
    furnish(*db, kTries);
  }
  unsigned tried = 0;
  unsigned truth = kTries;  // tries that are left as far as anybody can know
  for (unsigned kill = 0; kill < kills; ++kill) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const auto pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      ::close(pipe[0]);
      child(file, pipe[1]);
    }
    ::close(pipe[1]);
    ::usleep(std::uniform_int_distribution<useconds_t>{20'000, 500'000}(random));
    REQUIRE(::kill(pid, SIGKILL) == 0);
    Note note;
    char begun = 0;
    while (::read(pipe[0], &note, sizeof note) == static_cast<ssize_t>(sizeof note)) {
      if (std::string_view{"WRLFP"}.find(note.what) != std::string_view::npos) {
        begun = note.what;
        ++tried;
        continue;
      }
      // A right try that found none left was none; otherwise it gives all back.
      if ((note.what == 'w' || note.what == 'l') && truth > 0) --truth;
      if (note.what == 'r' || note.what == 'f') truth = kTries;
      if (note.what == 'x') CHECK(truth == 0);
      begun = 0;
    }
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFSIGNALED(status));

    const auto db = must(Database::open({file}));
    const auto left = must(db->pin_records("card")->status(PinRef::application)).tries_left;
    if (begun == 0 || begun == 'P') CHECK(left == truth);
    // In the middle of a wrong try it may have been spent or not; in a right one also been given back.
    if (begun == 'W' || begun == 'L') CHECK((left == truth || left + 1 == truth));
    if (begun == 'F') CHECK((left == truth || left == kTries));
    if (begun == 'R') CHECK((left == truth || left + 1 == truth || left == kTries));
    truth = left;
    if (truth == 0) {
      REQUIRE(set_pin(*db, kTries));
      truth = kTries;
    }
  }
  MESSAGE(tried << " tries under " << kills << " kills");
}

}  // namespace cardea::test
