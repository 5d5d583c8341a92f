#include "inserted_card.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "cardea/api/remote_card.h"
#include "cardea/secret.h"

namespace cardea::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{1000};
/// An exchange that failed faster than this was cut off, not slow: asking again costs little, and the server
/// runs it once.
constexpr std::chrono::seconds kQuickFailure{3};
/// After a pause like this the server may have ended the session as idle.
constexpr std::chrono::seconds kMayHaveEnded{1};
/// How long the proof of a right PIN waits for a command to travel with.
constexpr std::chrono::milliseconds kProofWaits{150};

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::waiting_for_server:
      return "waiting for the server";
    case Phase::waiting_for_reader:
      return "waiting for the reader";
    case Phase::inserted:
      return "inserted";
    case Phase::refused:
      return "refused";
    case Phase::ejected:
      return "ejected";
  }
  return "unknown";
}

/// What the thread and the InsertedCard share; goes away with the later of the two.
class InsertedCard::Worker {
 public:
  Worker(api::CardSummary card, api::Client client, std::shared_ptr<const void> client_needs,
         std::shared_ptr<ReaderPort> reader, std::unique_ptr<LateProofs> proofs)
      : card_{std::move(card)},
        client_needs_{std::move(client_needs)},
        client_{std::move(client)},
        reader_{std::move(reader)},
        proofs_{std::move(proofs)} {}

  /// The thread.
  void run() noexcept;

  [[nodiscard]] Status status() const;
  [[nodiscard]] Status wait_until_settled(std::chrono::milliseconds limit) const;
  [[nodiscard]] bool wait_until_over(Clock::time_point end) const;
  void eject();
  [[nodiscard]] Use use() const;

 private:
  void insert_again_and_again();
  void serve_one_insertion();
  void serve(Stay& stay);
  Result<void> ensure_session();
  Result<void> show_late_proofs();
  void give_session_up(Errc why);
  void close_abandoned();
  Result<std::shared_ptr<Stay>> put_into_reader();
  Result<void> settle_reset();
  Result<Bytes> answer(Bytes command);
  void reset_at_power_off();
  Result<void> settle_proof(Stay& stay);
  Result<api::RemoteCard::Sent> send(BytesView octets);
  void enter(Phase phase, std::string detail);
  void begin_command();
  void end_command();
  void count_release();
  void let_go();
  void pause();
  [[nodiscard]] bool stopping() const;

  const api::CardSummary card_;
  std::shared_ptr<const void> client_needs_;  // before the client: outlives it
  api::Client client_;
  const std::shared_ptr<ReaderPort> reader_;

  // Used by the card's thread only.
  const std::unique_ptr<LateProofs> proofs_;
  std::optional<api::RemoteCard> remote_;  // while there is a session
  std::vector<api::CardSession> abandoned_;
  Clock::time_point last_exchange_;
  std::chrono::milliseconds patience_{0};

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Phase phase_ = Phase::waiting_for_server;    // guarded by mutex_
  std::string detail_;                         // guarded by mutex_
  bool stop_ = false;                          // guarded by mutex_
  bool over_ = false;                          // guarded by mutex_
  std::shared_ptr<Stay> stay_;                 // guarded by mutex_
  Use use_;                                    // guarded by mutex_; without `idle`
  bool at_work_ = false;                       // guarded by mutex_
  Clock::time_point last_use_ = Clock::now();  // guarded by mutex_
};

InsertedCard::InsertedCard(api::CardSummary card, api::Client client,
                           std::shared_ptr<const void> client_needs, std::shared_ptr<ReaderPort> reader,
                           std::unique_ptr<LateProofs> proofs)
    : worker_{std::make_shared<Worker>(std::move(card), std::move(client), std::move(client_needs),
                                       std::move(reader), std::move(proofs))} {
  std::thread{[worker = worker_] { worker->run(); }}.detach();
}

InsertedCard::~InsertedCard() {
  eject();
}

InsertedCard::Status InsertedCard::status() const {
  return worker_->status();
}

InsertedCard::Status InsertedCard::wait_until_settled(std::chrono::milliseconds limit) const {
  return worker_->wait_until_settled(limit);
}

InsertedCard::Use InsertedCard::use() const {
  return worker_->use();
}

void InsertedCard::eject() {
  worker_->eject();
}

bool InsertedCard::wait_until_over(Clock::time_point end) const {
  return worker_->wait_until_over(end);
}

InsertedCard::Status InsertedCard::Worker::status() const {
  const std::lock_guard lock{mutex_};
  return {card_, phase_, detail_, std::string{reader_->kind()}};
}

InsertedCard::Status InsertedCard::Worker::wait_until_settled(std::chrono::milliseconds limit) const {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, limit, [this] {
    return phase_ != Phase::waiting_for_server && phase_ != Phase::waiting_for_reader;
  });
  return {card_, phase_, detail_, std::string{reader_->kind()}};
}

bool InsertedCard::Worker::wait_until_over(Clock::time_point end) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_until(lock, end, [this] { return over_; });
}

void InsertedCard::Worker::eject() {
  {
    const std::lock_guard lock{mutex_};
    if (stop_) return;
    stop_ = true;
    if (stay_) stay_->end();
    if (phase_ != Phase::refused) {
      phase_ = Phase::ejected;
      detail_.clear();
      spdlog::info("card={} {}", card_.id, name(phase_));
    }
  }
  changed_.notify_all();
}

InsertedCard::Use InsertedCard::Worker::use() const {
  const std::lock_guard lock{mutex_};
  auto use = use_;
  if (!at_work_) use.idle = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last_use_);
  return use;
}

void InsertedCard::Worker::begin_command() {
  const std::lock_guard lock{mutex_};
  at_work_ = true;
}

void InsertedCard::Worker::end_command() {
  const std::lock_guard lock{mutex_};
  at_work_ = false;
  ++use_.commands;
  last_use_ = Clock::now();
}

void InsertedCard::Worker::count_release() {
  const std::lock_guard lock{mutex_};
  ++use_.releases;
}

bool InsertedCard::Worker::stopping() const {
  const std::lock_guard lock{mutex_};
  return stop_;
}

void InsertedCard::Worker::enter(Phase phase, std::string detail) {
  {
    const std::lock_guard lock{mutex_};
    if (stop_ || (phase_ == phase && detail_ == detail)) return;
    phase_ = phase;
    detail_ = std::move(detail);
    spdlog::info("card={} {}{}{}", card_.id, name(phase_), detail_.empty() ? "" : ": ", detail_);
  }
  changed_.notify_all();
}

/// Before the next attempt: longer each time, cut short by ejection.
void InsertedCard::Worker::pause() {
  patience_ = std::clamp(patience_ * 2, kFirstPause, kLongestPause);
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, patience_, [this] { return stop_; });
}

void InsertedCard::Worker::run() noexcept {
  try {
    insert_again_and_again();
    if (remote_) {
      if (remote_->owes_proof()) (void)remote_->settle();
      (void)client_.close_session(remote_->session());
    }
    close_abandoned();
  } catch (const std::exception& error) {
    enter(Phase::refused, error.what());
  }
  let_go();
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  changed_.notify_all();
}

/// The way to the server ends here and not with the Worker: who waits for the end of this thread may end the
/// process next, and a connection that is taken apart meanwhile would meet an OpenSSL that has been, too.
void InsertedCard::Worker::let_go() {
  remote_.reset();
  { const auto last = std::move(client_); }
  client_needs_.reset();
}

void InsertedCard::Worker::insert_again_and_again() {
  while (!stopping()) {
    if (const auto opened = ensure_session(); !opened) {
      const auto code = opened.error().code;
      if (code == Errc::denied || code == Errc::not_found || code == Errc::conflict) {
        enter(Phase::refused, opened.error().what);
        return;
      }
      enter(Phase::waiting_for_server, opened.error().what);
      pause();
      continue;
    }
    serve_one_insertion();
  }
}

Result<void> InsertedCard::Worker::ensure_session() {
  if (remote_) return {};
  CARDEA_TRY(auto session, client_.open_session(card_.id));
  remote_.emplace(
      std::move(session), [this](BytesView octets) { return send(octets); }, proofs_.get());
  last_exchange_ = Clock::now();
  close_abandoned();  // the server is there again
  return show_late_proofs();
}

/// What was owed when an earlier session broke off, before anybody sees the card: its tries are what they
/// should be when it is in the reader. Whatever goes wrong here is no reason to refuse the card: it is tried
/// again, and given up where the server does not know what this is.
Result<void> InsertedCard::Worker::show_late_proofs() {
  const auto shown = remote_->show_late_proofs();
  if (shown) return {};
  const auto code = shown.error().code;
  if (code != Errc::unavailable && code != Errc::not_found && code != Errc::denied) {
    for (const auto reference : api::kPinReferences)
      proofs_->forget(reference);
  }
  give_session_up(code);
  return fail(Errc::unavailable, shown.error().what);
}

/// A session that failed may still be open at the server: it is closed as soon as the server answers again.
void InsertedCard::Worker::give_session_up(Errc why) {
  const bool gone = why == Errc::not_found || why == Errc::denied;
  if (remote_ && !gone) abandoned_.push_back(remote_->session());
  remote_.reset();
}

void InsertedCard::Worker::close_abandoned() {
  for (const auto& session : abandoned_)
    (void)client_.close_session(session);
  abandoned_.clear();
}

Result<std::shared_ptr<Stay>> InsertedCard::Worker::put_into_reader() {
  CARDEA_TRY(auto stay, reader_->insert(remote_->session().atr, card_.label));
  const std::lock_guard lock{mutex_};
  if (stop_) {
    stay->end();
    return fail(Errc::unavailable, "ejected");
  }
  stay_ = stay;
  return stay;
}

/// From insertion to removal.
void InsertedCard::Worker::serve_one_insertion() {
  const auto stay = put_into_reader();
  if (!stay) {
    enter(Phase::waiting_for_reader, stay.error().what);
    pause();
    return;
  }
  enter(Phase::inserted, "");
  remote_->owe_reset();
  serve(**stay);
  (*stay)->end();
  const std::lock_guard lock{mutex_};
  stay_.reset();
}

void InsertedCard::Worker::serve(Stay& stay) {
  while (true) {
    auto request = stay.next();
    if (!request) {  // pcscd has gone, or the card was ejected
      enter(Phase::waiting_for_reader, "the reader has let the card go");
      pause();
      return;
    }
    switch (request->what) {
      case Stay::Ask::power_on:
      case Stay::Ask::reset:
        remote_->owe_reset();
        continue;
      case Stay::Ask::power_off:
        reset_at_power_off();
        count_release();
        continue;
      case Stay::Ask::transmit:
        break;
    }
    begin_command();
    auto response = answer(std::move(request->command));
    end_command();
    if (response) {
      patience_ = std::chrono::milliseconds{0};
      if (!stay.respond(*request, *response)) return;
      if (auto settled = settle_proof(stay); !settled) response = tl::unexpected{std::move(settled).error()};
    }
    if (!response) {
      // The card is taken out, for the application too, and at once; a new session brings it back.
      stay.end();
      give_session_up(response.error().code);
      enter(Phase::waiting_for_server, response.error().what);
      pause();
      return;
    }
  }
}

/// Sends the owed reset alone. Where the session has ended, a new one takes its place: a card that is being
/// reset has nothing to lose with it, and the application need not notice. (With a command in the exchange
/// this would not be safe: it might have run.)
Result<void> InsertedCard::Worker::settle_reset() {
  const auto done = remote_->settle();
  if (!done && done.error().code != Errc::not_found) return tl::unexpected{done.error()};
  if (!done) {
    remote_.reset();
    CARDEA_CHECK(ensure_session());
  }
  return {};
}

/// A reset that is owed rides in front of the command.
Result<Bytes> InsertedCard::Worker::answer(Bytes command) {
  if (remote_->owes_reset() && Clock::now() - last_exchange_ > kMayHaveEnded) {
    if (auto settled = settle_reset(); !settled) {
      wipe(command);
      return tl::unexpected{std::move(settled).error()};
    }
  }
  return remote_->transmit(std::move(command));
}

/// After a right PIN: whoever logs in mostly wants something at once, and the proof travels with that. Where
/// nothing comes, it goes by itself, for until it arrives the PIN has cost a try.
Result<void> InsertedCard::Worker::settle_proof(Stay& stay) {
  if (!remote_->owes_proof() || stay.next_within(kProofWaits)) return {};
  auto settled = remote_->settle();
  // Not heard of: again in front of the next command, which will tell whether the server is there.
  if (!settled && settled.error().code == Errc::unavailable) return {};
  return settled;
}

/// At once, and not with the next command, which may never come: nothing that was verified outlives the
/// power.
void InsertedCard::Worker::reset_at_power_off() {
  remote_->owe_reset();
  // Where it failed it is owed again. If it may have been run all the same, that does no harm.
  if (!remote_->settle()) remote_->owe_reset();
}

/// Sends an exchange, and once more where it is uncertain whether the server has run it.
Result<api::RemoteCard::Sent> InsertedCard::Worker::send(BytesView octets) {
  const auto began = Clock::now();
  last_exchange_ = began;
  const auto& session = remote_->session();
  auto posted = client_.post(session, octets);
  const bool repeated = !posted && posted.error().code == Errc::unavailable &&
                        Clock::now() - began < kQuickFailure && !stopping();
  if (repeated) posted = client_.post(session, octets);
  if (!posted) return tl::unexpected{std::move(posted).error()};
  return api::RemoteCard::Sent{std::move(posted->reply), std::move(posted->tls_exporter), repeated};
}

}  // namespace cardea::agent
