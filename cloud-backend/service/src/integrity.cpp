#include "cardea/service/integrity.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "cardea/audit/receipt.h"

namespace cardea::service {

namespace {

/// What belongs to no organisation is protected with keys of this one.
const std::string kServer = "cardea-server";  // NOLINT(cert-err58-cpp): allocates at most
constexpr std::string_view kLabel = "change-log/1";
constexpr std::size_t kKeyOctets = 32;

tl::unexpected<Error> no_checkpoint() {
  return fail(Errc::unavailable, "there is no checkpoint that can be relied on");
}

}  // namespace

Integrity::Integrity(World world, CardSessions& sessions, Witnesses witnesses, Report report)
    : world_{world},
      sessions_{sessions},
      file_{std::move(witnesses.file)},
      cosigned_file_{std::move(witnesses.cosigned)},
      origin_{std::move(witnesses.origin)},
      required_{witnesses.required},
      remote_key_{witnesses.machine ? witnesses.machine->key() : audit::CosignerKey{}},
      report_{std::move(report)},
      remote_{std::move(witnesses.machine)} {
  if (!remote_) return;
  status_.emplace();
  status_->name = remote_key_.name;
  status_->required = required_;
  status_->away = true;
  status_->reason = "it was not asked yet";
  world_.database.changes().hold("the witness " + status_->name + " was not asked yet");
}

void Integrity::tick() {
  const std::lock_guard lock{mutex_};
  if (world_.vault.sealed() || refused_) return;
  if (!key_) {
    if (const auto begun = begin(); !begun) return once("integrity.off", begun.error().what);
  }
  for (const auto& alarm : world_.database.changes().alarms())
    handle(alarm);
  if (const auto done = checkpoint(); !done) once("integrity.checkpoint", done.error().what);
}

bool Integrity::relied_on() {
  const std::lock_guard lock{mutex_};
  return key_ && !refused_ && !last_note_.empty();
}

Result<void> Integrity::begin() {
  CARDEA_CHECK(world_.vault.ensure_tenant(kServer));
  CARDEA_TRY(const auto secret, world_.vault.tenant_secret(kServer, kLabel, kKeyOctets));
  CARDEA_TRY(const auto point, world_.vault.manifest_key(kServer));
  auto& changes = world_.database.changes();
  auto witness = audit::Witness::open(file_);
  if (!witness) {
    refuse(witness.error().what);
    return {};
  }
  CARDEA_TRY(const auto found, changes.protect(secret));
  // Those that are open were opened by rows that nobody had compared.
  sessions_.end_all();
  witness_ = *std::move(witness);
  key_ = audit::NoteKey{"cardea", point.point};
  read_cosigned();
  if (!found.broken.empty()) refuse(found.broken);
  if (found.begun) {
    // A server that was started before, and had nothing to log, has shown an empty log.
    if (witness_->last() && witness_->last()->size > 0) {
      refuse("the log of changes is gone: the witness has seen " + std::to_string(witness_->last()->size) +
             " leaves");
    } else {
      report_("integrity.begun", "what the database holds was taken as right");
    }
  }
  return {};
}

/// The witness first: what it refuses is never called a checkpoint.
Result<void> Integrity::checkpoint() {
  if (refused_) return {};
  auto& changes = world_.database.changes();
  const auto head = changes.head();
  const auto& last = witness_->last();
  if (last && last->size == head.size && last->root == head.root && !last_note_.empty()) return {};
  if (last && last->size > head.size) {
    refuse("the database was put back: the witness has seen " + std::to_string(last->size) +
           " changes, and the log has " + std::to_string(head.size));
    return {};
  }
  const auto text = audit::to_text(audit::Checkpoint{origin_, head.size, head.root});
  CARDEA_TRY(const auto signature, world_.vault.sign_manifest(kServer, audit::sha256(as_bytes(text))));
  CARDEA_TRY(const auto note, audit::sign_note(text, *key_, signature.signature));
  CARDEA_TRY(const auto proof, changes.consistency(last ? last->size : 0, head.size));
  if (const auto taken = witness_->add(note, *key_, proof); !taken) {
    if (taken.error().code != Errc::conflict && taken.error().code != Errc::corrupt) {
      return tl::unexpected{taken.error()};
    }
    refuse("the database was put back or re-written: " + taken.error().what);
    return {};
  }
  CARDEA_CHECK(changes.keep_checkpoint(head.size, note));
  last_note_ = note;
  last_said_.clear();
  return {};
}

void Integrity::refuse(const std::string& why) {
  refused_ = true;
  world_.database.changes().refuse(why);
  report_("integrity.refused", why);
  sessions_.end_all();
}

void Integrity::handle(const store::Alarm& alarm) {
  report_("integrity.alarm", (alarm.card.empty() ? std::string{} : "card " + alarm.card + ": ") + alarm.what);
  store::AuditRow line;
  line.at = world_.clock.now();
  line.actor = "server";
  line.action = "integrity.alarm";
  line.success = false;
  line.detail =
      nlohmann::json{{"what", alarm.what}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (!alarm.card.empty()) {
    line.card = alarm.card;
    if (const auto row = world_.database.card(alarm.card)) line.organisation = row->organisation;
    sessions_.end_all_of_card(alarm.card, SessionEnd::card_blocked);
    const auto frozen = world_.database.changes().freeze(alarm.card, {alarm.what, line.at});
    if (!frozen) report_("integrity.freeze", frozen.error().what);
  }
  if (const auto written = world_.database.append(line); !written) {
    report_("integrity.audit", written.error().what);
  }
}

/// The same trouble is said once, not each second.
void Integrity::once(const char* event, const std::string& what) {
  if (what != last_said_) report_(event, what);
  last_said_ = what;
}

Result<store::Findings> Integrity::verify() {
  {
    const std::lock_guard lock{mutex_};
    if (!key_) return fail(Errc::unavailable, "the log of changes has not begun: is the vault open?");
  }
  auto& changes = world_.database.changes();
  CARDEA_TRY(auto found, changes.verify());
  CARDEA_TRY(const auto note, changes.checkpoint());
  if (!note || !found.broken.empty()) return found;
  const auto text = audit::open_note(*note, *key_);
  const auto checkpoint = text ? audit::parse_checkpoint(*text) : tl::unexpected{text.error()};
  const auto root = checkpoint ? changes.root(checkpoint->size) : tl::unexpected{checkpoint.error()};
  if (!root || *root != checkpoint->root)
    found.broken = "table checkpoints: the checkpoint is not one of this log";
  const std::lock_guard lock{mutex_};
  if (cosigned_ && found.broken.empty()) {
    const auto& known = cosigned_->checkpoint;
    const auto there = changes.root(known.size);
    if (!there || *there != known.root) {
      found.broken = "the log is not the one whose " + std::to_string(known.size) + " changes " +
                     status_->name + " cosigned";
    }
  }
  return found;
}

Result<std::string> Integrity::receipt(std::uint64_t audit_number) {
  auto& changes = world_.database.changes();
  CARDEA_TRY(const auto line, changes.line(audit_number));
  bool ask = false;
  {
    const std::lock_guard lock{mutex_};
    if (!key_ || refused_) return no_checkpoint();
    CARDEA_CHECK(checkpoint());
    ask = status_ && !status_->away && !(cosigned_ && line.leaf < cosigned_->checkpoint.size);
  }
  if (ask) ask_witness();
  const std::lock_guard lock{mutex_};
  if (refused_) return no_checkpoint();
  const auto& last = witness_->last();
  const bool better = cosigned_ && line.leaf < cosigned_->checkpoint.size;
  if (!better && (!last || line.leaf >= last->size)) {
    return fail(Errc::unavailable, "the line is in no checkpoint yet");
  }
  CARDEA_TRY(const auto proof,
             changes.inclusion(line.leaf, better ? cosigned_->checkpoint.size : last->size));
  return audit::to_text(audit::Receipt{line.entry, line.leaf, proof, better ? cosigned_->note : last_note_});
}

Result<std::string> Integrity::key() {
  const std::lock_guard lock{mutex_};
  if (!key_) return fail(Errc::unavailable, "the log of changes has not begun: is the vault open?");
  return audit::to_text(*key_);
}

}  // namespace cardea::service
