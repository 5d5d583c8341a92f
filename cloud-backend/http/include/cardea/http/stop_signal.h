#pragma once

#include "cardea/result.h"

namespace cardea::http {

/// SIGTERM and SIGINT, for a program whose main thread waits for one of them while others serve. One in a
/// process.
///
/// They end in a pipe rather than in a blocked mask: processes that the server starts would inherit a mask.
class StopSignal {
 public:
  /// From here on the two are caught, and SIGPIPE is ignored. Standard streams that are closed are /dev/null
  /// then: what the program opens must not get such a number, and with it its log. Errors: `unavailable`.
  static Result<StopSignal> arm();

  /// Returns when one of the two has come, also when it came before the call.
  void wait() const;

 private:
  StopSignal() = default;
};

}  // namespace cardea::http
