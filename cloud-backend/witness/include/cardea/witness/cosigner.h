#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "cardea/witness/state.h"

namespace cardea::witness {

/// An HTTP response.
struct Answer {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

/// Follows logs, and says so under their checkpoints: the server's side of C2SP tlog-witness. Thread-safe.
///
/// Law: no two checkpoints of an origin are cosigned of which the earlier is not the beginning of the later,
/// whatever is asked at once, and whenever the process is killed.
class Cosigner {
 public:
  /// Seconds since 1970.
  using Clock = std::function<std::uint64_t()>;
  /// One line for the operator.
  using Report = std::function<void(const std::string& line)>;

  Cosigner(State state, Clock clock, Report report)
      : state_{std::move(state)}, clock_{std::move(clock)}, report_{std::move(report)} {}

  /// `add-checkpoint`: 200 with the cosignature; 400, 403, 404, 409 and 422 as tlog-witness has them; 500
  /// when the state cannot be read, 507 when it cannot be written.
  Answer add_checkpoint(std::string_view body);

 private:
  Answer judge(const struct AddCheckpoint& request);

  std::mutex mutex_;
  State state_;
  Clock clock_;
  Report report_;
};

}  // namespace cardea::witness
