#include "pool.h"

#include <algorithm>

namespace cardea::vault {

namespace {

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{5'000};
constexpr std::size_t kPinOfHello = 2;  // worker_protocol.h, Op::hello

}  // namespace

Pool::Pool(Process::Start start, wire::Request hello, Limits limits)
    : start_{std::move(start)},
      limits_{limits},
      hello_{std::move(hello)},
      missing_{std::max(limits.workers, 1U)} {
  mechanic_ = std::thread{[this] { replace_workers(); }};
}

Pool::~Pool() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  work_for_mechanic_.notify_all();
  idle_changed_.notify_all();
  mechanic_.join();
}

Result<void> Pool::wait_until_ready() {
  std::unique_lock lock{mutex_};
  idle_changed_.wait(lock, [this] { return missing_ == 0 || trouble_; });
  if (trouble_) return tl::unexpected{*trouble_};
  return {};
}

Result<Pool::Lease> Pool::start_worker() {
  CARDEA_TRY(auto process, Process::spawn(start_));
  CARDEA_TRY(auto welcome, process.exchange(hello()));
  if (welcome.error) return tl::unexpected{std::move(*welcome.error)};
  return std::make_unique<Worker>(Worker{std::move(process), 0, {}});
}

void Pool::replace_workers() {
  auto pause = kFirstPause;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (!retired_.empty()) {
      auto worn = std::move(retired_.front());
      retired_.pop_front();
      lock.unlock();
      worn.reset();
      lock.lock();
    } else if (missing_ > 0 && !hopeless_) {
      lock.unlock();
      auto worker = start_worker();
      lock.lock();
      if (worker) {
        pause = kFirstPause;
        trouble_.reset();
        --missing_;
        ++stats_.alive;
        idle_.push_back(*std::move(worker));
        idle_changed_.notify_all();
        continue;
      }
      trouble_ = worker.error();
      hopeless_ = trouble_->code == Errc::denied;
      idle_changed_.notify_all();
      work_for_mechanic_.wait_for(lock, pause, [this] { return stopping_; });
      pause = std::min(2 * pause, kLongestPause);
    } else {
      work_for_mechanic_.wait(
          lock, [this] { return stopping_ || !retired_.empty() || (missing_ > 0 && !hopeless_); });
    }
  }
}

Result<Pool::Lease> Pool::borrow() {
  std::unique_lock lock{mutex_};
  const auto nobody_comes = [this] { return stats_.alive == 0 && trouble_; };
  const auto somebody_waits = [this] {
    while (!idle_.empty() && !idle_.back()->process.waiting()) {
      ++stats_.restarts;
      retire(std::move(idle_.back()));
      idle_.pop_back();
      work_for_mechanic_.notify_one();
    }
    return !idle_.empty();
  };
  idle_changed_.wait_for(lock, limits_.timeout,
                         [&] { return stopping_ || somebody_waits() || nobody_comes(); });
  if (!idle_.empty()) {
    auto worker = std::move(idle_.back());
    idle_.pop_back();
    lent_.insert(worker.get());
    return worker;
  }
  if (nobody_comes()) return fail(Errc::unavailable, "no signer runs: " + trouble_->what);
  return fail(Errc::unavailable, "all signers are busy");
}

void Pool::retire(Lease worker) {
  --stats_.alive;
  lent_.erase(worker.get());
  ++missing_;
  retired_.push_back(std::move(worker));
}

void Pool::give_back(Lease worker) {
  for (;;) {
    {
      const std::lock_guard lock{mutex_};
      if (worker->errands.empty()) {
        lent_.erase(worker.get());
        idle_.push_back(std::move(worker));
        break;
      }
    }
    if (run_errands(*worker)) continue;
    const std::lock_guard lock{mutex_};
    ++stats_.restarts;
    retire(std::move(worker));
    work_for_mechanic_.notify_one();
    return;
  }
  idle_changed_.notify_one();
}

bool Pool::run_errands(Worker& worker) {
  std::vector<Card> errands;
  {
    const std::lock_guard lock{mutex_};
    errands.swap(worker.errands);
  }
  for (const auto& errand : errands) {
    wire::Request request;
    request.op = wire::Op::forget;
    request.tenant = errand.tenant;
    request.card = errand.card;
    if (!worker.process.exchange(request, limits_.timeout)) return false;
  }
  return true;
}

void Pool::forget(const std::string& tenant, const std::string& card) {
  std::vector<Lease> at_rest;
  {
    const std::lock_guard lock{mutex_};
    for (auto* worker : lent_)
      worker->errands.push_back({tenant, card});
    at_rest.swap(idle_);
    for (const auto& worker : at_rest) {
      worker->errands.push_back({tenant, card});
      lent_.insert(worker.get());
    }
  }
  for (auto& worker : at_rest)
    give_back(std::move(worker));
}

Result<wire::Reply> Pool::exchange(const wire::Request& request) {
  const auto limit = request.op == wire::Op::generate ? limits_.generation : limits_.timeout;
  for (unsigned attempt = 0;; ++attempt) {
    CARDEA_TRY(auto worker, borrow());
    const auto began = std::chrono::steady_clock::now();
    auto reply = worker->process.exchange(request, limit);
    ++worker->operations;
    const bool broken = !reply || reply->leaving;
    const bool hung = broken && std::chrono::steady_clock::now() - began >= limit;
    const bool worn =
        !broken && (worker->operations >= limits_.operations || reply->resident_bytes > limits_.bytes);
    {
      const std::lock_guard lock{mutex_};
      ++stats_.operations;
      if (!reply || reply->error) ++stats_.failures;
      if (broken) ++stats_.restarts;
      if (worn) ++stats_.recycled;
      if (broken || worn) retire(std::move(worker));
      // Making an RSA key may take as long as that and nothing be wrong with the others.
      const bool all_suspect = hung && request.op != wire::Op::generate;
      for (; all_suspect && !idle_.empty(); idle_.pop_back()) {
        ++stats_.recycled;
        retire(std::move(idle_.back()));
      }
    }
    if (worker) {
      give_back(std::move(worker));
    } else {
      work_for_mechanic_.notify_one();
    }
    if (!broken || attempt > 0 || hung) {
      if (!reply) return fail(Errc::unavailable, reply.error().what);
      return reply;
    }
  }
}

void Pool::set_user_pin(const SecretBytes& pin) {
  {
    const std::lock_guard lock{mutex_};
    hello_.fields[kPinOfHello] = pin.clone();
    hopeless_ = false;  // a worker that started just now may have shown the old one
  }
  work_for_mechanic_.notify_one();
}

wire::Request Pool::hello() const {
  const std::lock_guard lock{mutex_};
  wire::Request out;
  out.op = hello_.op;
  for (const auto& field : hello_.fields)
    out.fields.push_back(field.clone());
  return out;
}

bool Pool::busy() const {
  const std::lock_guard lock{mutex_};
  return idle_.empty();
}

Stats Pool::stats() const {
  const std::lock_guard lock{mutex_};
  return stats_;
}

}  // namespace cardea::vault
