#include "cardea/witness/cosigner.h"

#include "cardea/witness/request.h"

namespace cardea::witness {

namespace {

Answer refuse(int status, const char* sentence) {
  return {status, "text/plain; charset=utf-8", std::string{sentence} + "\n"};
}

/// tlog-witness: "The response MUST have a Content-Type of text/x.tlog.size."
Answer conflict(std::uint64_t size) {
  return {409, "text/x.tlog.size", std::to_string(size) + "\n"};
}

std::string describe(const audit::Checkpoint& checkpoint) {
  return checkpoint.origin + " with " + std::to_string(checkpoint.size) + " leaves, root " +
         audit::base64(checkpoint.root);
}

}  // namespace

Answer Cosigner::add_checkpoint(std::string_view body) {
  const auto request = parse_add_checkpoint(body);
  if (!request) return refuse(400, "this is no old size, proof and checkpoint");
  // From looking at the size to having kept the new one, nobody else may.
  const std::lock_guard lock{mutex_};
  return judge(*request);
}

Answer Cosigner::judge(const AddCheckpoint& request) {
  const auto& checkpoint = request.checkpoint;
  auto found = state_.find(checkpoint.origin);
  if (!found) {
    report_(found.error().what);
    return refuse(500, "what is known of this log cannot be read");
  }
  if (!*found) return refuse(404, "this log is not followed");
  auto& log = **found;
  if (!audit::open_note(request.note, log.key)) return refuse(403, "the log has not signed this");
  if (request.old > checkpoint.size) return refuse(400, "the old size is beyond the checkpoint");
  if (request.old != log.size) return conflict(log.size);
  // From here on the log itself is at fault, and has signed the evidence.
  if (log.size == checkpoint.size && log.root != checkpoint.root) {
    report_("refused " + describe(checkpoint) + ": seen with root " + audit::base64(log.root));
    return conflict(log.size);
  }
  if (!audit::verify_consistency(log.size, checkpoint.size, log.root, checkpoint.root, request.proof)) {
    report_("refused " + describe(checkpoint) + ": not proven to continue " + std::to_string(log.size) +
            " leaves, root " + audit::base64(log.root));
    return refuse(422, "the proof does not show that this log continues what was seen of it");
  }
  const auto time = clock_();
  const auto signature = state_.sign(audit::cosigned_message(time, request.text));
  if (!signature) {
    report_(signature.error().what);
    return refuse(500, "the witness cannot sign");
  }
  if (log.note.empty() || log.size != checkpoint.size) {
    log.note = request.note;
    log.size = checkpoint.size;
    log.root = checkpoint.root;
    if (const auto kept = state_.keep(log); !kept) {
      report_(kept.error().what);
      return refuse(507, "the witness cannot keep this");
    }
  }
  return {200, "text/plain; charset=utf-8", audit::cosignature_line(state_.key(), time, *signature)};
}

}  // namespace cardea::witness
