// Keys made ahead: taking them, and the thread that makes them.

#include <algorithm>
#include <chrono>
#include <utility>

#include "cardea/keyring/keyring.h"
#include "spare_box.h"

namespace cardea::keyring {

namespace {

using namespace std::chrono_literals;

/// After this long without work the signer for spare keys is ended.
constexpr auto kRestAfter = 60s;
constexpr auto kAfterTrouble = 5s;
constexpr auto kQuietPoll = 20ms;

}  // namespace

Result<std::optional<card::KeyHandle>> Keyring::take_spare(const std::string& organisation,
                                                           const std::string& card, card::KeySlot slot,
                                                           card::Algorithm algorithm) {
  const auto wanted = options_.pool.find(algorithm);
  if (wanted == options_.pool.end() || wanted->second == 0) return std::nullopt;
  CARDEA_TRY(auto* vault, this->vault());
  std::optional<card::KeyHandle> out;
  while (!out) {
    CARDEA_TRY(const auto row, ledger_.take(organisation, algorithm));
    if (!row) break;
    auto handle = open_spare(options_.pool_key, organisation, row->public_key, row->sealed);
    if (!handle) {
      ++discarded_;
      continue;
    }
    auto adopted = vault->adopt(organisation, card, slot, {row->public_key, *std::move(handle)});
    if (!adopted && adopted.error().code != Errc::corrupt) return tl::unexpected{std::move(adopted).error()};
    if (!adopted) {
      ++discarded_;
      continue;
    }
    out = *std::move(adopted);
  }
  ++(out ? used_ : missed_);
  {
    const std::lock_guard lock{mutex_};
    work_waits_ = true;
    taken_at_ = std::chrono::steady_clock::now();
  }
  wake_.notify_all();
  return out;
}

Result<std::vector<PoolStatus>> Keyring::pool() {
  CARDEA_TRY(const auto organisations, database_.organisations());
  CARDEA_TRY(const auto counts, ledger_.spare_counts());
  std::vector<PoolStatus> out;
  for (const auto& organisation : organisations) {
    for (const auto& [algorithm, wanted] : options_.pool) {
      const auto kind = algorithm;
      const auto found = std::ranges::find_if(counts, [&](const store::SpareCount& c) {
        return c.organisation == organisation.id && c.algorithm == kind;
      });
      const auto ready = found == counts.end() ? 0 : found->count;
      if (wanted > 0 || ready > 0) out.push_back({organisation.id, algorithm, ready, wanted});
    }
  }
  return out;
}

PoolStats Keyring::pool_stats() const {
  return {made_, used_, missed_, discarded_};
}

void Keyring::wait_for_quiet(const std::stop_token& stop) const {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested() && busy())
    wake_.wait_for(lock, stop, kQuietPoll, [] { return false; });
}

bool Keyring::can_wait(const PoolStatus& kind) const {
  const std::lock_guard lock{mutex_};
  const auto since = std::chrono::steady_clock::now() - taken_at_;
  return taken_at_.time_since_epoch().count() != 0 && since < options_.settle &&
         kind.ready * 2 >= kind.wanted;
}

/// One key for each organisation and algorithm that lacks some, so that nobody waits for another's pool.
Result<bool> Keyring::fill(const std::stop_token& stop) {
  CARDEA_TRY(auto* vault, this->vault());
  CARDEA_TRY(const auto status, pool());
  bool more = false;
  bool any = false;
  held_back_ = false;
  for (const auto& kind : status) {
    if (kind.ready >= kind.wanted) continue;
    if (can_wait(kind)) {
      held_back_ = true;
      continue;
    }
    wait_for_quiet(stop);
    if (stop.stop_requested()) return false;
    const auto spare = vault->make_spare(kind.organisation, kind.algorithm);
    // An organisation whose keys were never made, and a vault that makes none ahead or lacks the algorithm.
    if (!spare && (spare.error().code == Errc::not_found || spare.error().code == Errc::unsupported))
      continue;
    if (!spare) return tl::unexpected{spare.error()};
    store::SpareKeyRow row;
    row.organisation = kind.organisation;
    row.public_key = spare->public_key;
    row.sealed = box_spare(options_.pool_key, kind.organisation, *spare, rng_);
    row.made_at = now();
    CARDEA_CHECK(ledger_.add(row));
    ++made_;
    any = true;
    more = more || kind.ready + 1 < kind.wanted;
  }
  if (any && !more && !held_back_) report(true, "pool.full", std::to_string(made_) + " keys made ahead");
  return more;
}

void Keyring::work(const std::stop_token& stop) {
  bool in_trouble = false;
  while (!stop.stop_requested()) {
    auto* vault = open_vault_.load();
    bool more = false;
    bool trouble = false;
    if (vault != nullptr) {
      for (auto step : {&Keyring::wrap_some_of, &Keyring::fill}) {
        const auto done = (this->*step)(stop);
        more = more || (done && *done);
        if (done) continue;
        trouble = true;
        if (!in_trouble) report(false, "hsm.background", done.error().what);
      }
      in_trouble = trouble;
    }
    std::unique_lock lock{mutex_};
    if (trouble) {
      wake_.wait_for(lock, stop, kAfterTrouble, [] { return false; });
    } else if (!more) {
      const auto pause = held_back_ ? options_.settle : std::chrono::milliseconds{kRestAfter};
      const bool woken = wake_.wait_for(lock, stop, pause, [this] { return work_waits_; });
      work_waits_ = false;
      lock.unlock();
      if (!woken && !held_back_ && vault != nullptr) vault->rest();
    }
  }
}

}  // namespace cardea::keyring
