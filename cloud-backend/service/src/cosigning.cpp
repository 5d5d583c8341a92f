// The witness on another machine, as Integrity deals with it.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "cardea/audit/durable_file.h"
#include "cardea/service/integrity.h"

namespace cardea::service {

namespace {

/// A witness that has nothing new to sign is asked all the same, so that its absence is noticed, and the time
/// in its cosignature says how lately it has looked.
constexpr std::chrono::seconds kAskAnyway{60};

}  // namespace

/// What an earlier run of the server has left; the file witness guards its age.
void Integrity::read_cosigned() {
  if (!status_) return;
  std::ifstream in{cosigned_file_, std::ios::binary};
  const std::string note{std::istreambuf_iterator<char>{in}, {}};
  const auto time = audit::open_cosignature(note, remote_key_);
  const auto text = time ? audit::open_note(note, *key_) : tl::unexpected{time.error()};
  const auto checkpoint = text ? audit::parse_checkpoint(*text) : tl::unexpected{text.error()};
  if (!checkpoint || checkpoint->origin != origin_) return;
  status_->size = checkpoint->size;
  status_->time = *time;
  cosigned_ = Cosigned{*checkpoint, note, *time};
}

void Integrity::ask_witness() {
  const std::lock_guard asking{asking_};
  if (!remote_) return;
  std::string note;
  audit::Checkpoint checkpoint;
  {
    const std::lock_guard lock{mutex_};
    if (refused_ || !key_ || last_note_.empty() || !witness_->last()) return;
    note = last_note_;
    checkpoint = *witness_->last();
    const bool had = !status_->away && cosigned_ && cosigned_->checkpoint == checkpoint;
    if (had && std::chrono::steady_clock::now() - asked_ < kAskAnyway) return;
    // What it had cosigned before the server was started.
    if (remote_size_ == 0 && cosigned_) remote_size_ = cosigned_->checkpoint.size;
  }
  auto cosigned = have_cosigned(checkpoint, note);
  const std::lock_guard lock{mutex_};
  asked_ = std::chrono::steady_clock::now();
  if (refused_) return;
  if (cosigned) return answered(*std::move(cosigned));
  if (cosigned.error().code == Errc::conflict) return refuse(cosigned.error().what);
  not_answered(cosigned.error().what);
}

/// Errors: `conflict` when the witness has seen another log than this one; what stood in the way of an
/// answer.
Result<Integrity::Cosigned> Integrity::have_cosigned(const audit::Checkpoint& checkpoint,
                                                     const std::string& note) {
  const auto& name = remote_key_.name;
  const auto put_back = [&](const std::string& how) {
    return fail(Errc::conflict, "the database was put back" + how);
  };
  // Its answer to a wrong size is the right one.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto old = std::min(remote_size_, checkpoint.size);
    CARDEA_TRY(const auto proof, world_.database.changes().consistency(old, checkpoint.size));
    CARDEA_TRY(const auto answer, remote_->add(old, proof, note));
    if (const auto* cosigned = std::get_if<RemoteWitness::Cosigned>(&answer)) {
      remote_size_ = checkpoint.size;
      return Cosigned{checkpoint, note + cosigned->line, cosigned->time};
    }
    const auto* seen = std::get_if<RemoteWitness::Seen>(&answer);
    if (seen == nullptr || (seen->size == old && seen->size == checkpoint.size)) {
      return put_back(" or re-written: the witness " + name + " has seen " + std::to_string(old) +
                      " changes that are not the beginning of this log");
    }
    if (seen->size > checkpoint.size) {
      return put_back(": the witness " + name + " has seen " + std::to_string(seen->size) +
                      " changes, and the log has " + std::to_string(checkpoint.size));
    }
    if (seen->size < remote_size_ && remote_size_ <= checkpoint.size) {
      report_("witness.forgot", name + " has cosigned " + std::to_string(remote_size_) +
                                    " changes, and remembers " + std::to_string(seen->size));
    }
    remote_size_ = seen->size;
  }
  return fail(Errc::corrupt, "it changes its mind about what it has seen");
}

void Integrity::answered(Cosigned cosigned) {
  if (std::exchange(status_->away, false)) {
    if (status_->failures > 0) report_("witness.back", status_->name + " cosigns again");
    world_.database.changes().hold({});
  }
  status_->reason.clear();
  status_->size = cosigned.checkpoint.size;
  status_->time = cosigned.time;
  const auto kept = audit::write_durably(cosigned_file_, cosigned.note);
  cosigned_ = std::move(cosigned);
  if (!kept) once("witness.keep", kept.error().what);
}

void Integrity::not_answered(const std::string& why) {
  ++status_->failures;
  const auto sentence = "the witness " + status_->name + " does not cosign: " + why;
  const bool news = !status_->away || status_->reason != why;
  status_->away = true;
  status_->reason = why;
  world_.database.changes().hold(required_ ? sentence : std::string{});
  if (!news) return;
  report_("witness.away", sentence + (required_ ? "; no key is used until it does"
                                                : "; a database that is put back now goes unnoticed"));
}

std::optional<WitnessStatus> Integrity::witness_status() {
  const std::lock_guard lock{mutex_};
  return status_;
}

}  // namespace cardea::service
