#pragma once

#include <winscard.h>

#include <memory>

#include "cardea/result.h"
#include "words.h"

namespace cardea::cms {

/// A connection to the PC/SC service.
class Context {
 public:
  static Result<std::shared_ptr<Context>> open() {
    auto context = std::make_shared<Context>();
    if (const LONG rc = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context->handle_);
        rc != SCARD_S_SUCCESS) {
      return tl::unexpected{pcsc_error(rc, "cannot reach the PC/SC service")};
    }
    context->open_ = true;
    return context;
  }

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  Context(Context&&) = delete;
  Context& operator=(Context&&) = delete;
  ~Context() {
    if (open_) (void)SCardReleaseContext(handle_);
  }

  [[nodiscard]] SCARDCONTEXT get() const { return handle_; }

  /// The service does not know this connection any more: it ended, and may have been started anew since.
  void lose() { lost_ = true; }
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  SCARDCONTEXT handle_ = 0;
  bool open_ = false;
  bool lost_ = false;
};

}  // namespace cardea::cms
