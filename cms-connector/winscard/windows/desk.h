#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cardea/winscard/core.h"
#include "winscard_api.h"

namespace cardea::winscard {

/// The handles that the DLL gives out, and who is behind each: our core, whose cards are at the server, or
/// the system's winscard.dll with its real readers. A context has both, where both are there. Thread-safe.
class Desk {
 public:
  explicit Desk(OpenSession open) : core_{std::move(open)} {}
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// Succeeds when one of the two does; else what our core says.
  Code establish(DWORD scope, SCARDCONTEXT& context);
  Code release(SCARDCONTEXT context);
  [[nodiscard]] bool is_context(SCARDCONTEXT context) const;
  /// The system's context behind one of ours; 0 when it has none, or ours is none.
  [[nodiscard]] SCARDCONTEXT system_context(SCARDCONTEXT context) const;

  /// Ours first. Codes: kNoReadersAvailable; kNoService when our side has gone and there is no other.
  Code list_readers(SCARDCONTEXT context, const std::vector<std::string>& groups,
                    std::vector<std::string>& names);
  /// The one that ours are in, then the others of the system. Without a context: in none in particular.
  Code list_groups(SCARDCONTEXT context, std::vector<std::string>& names);
  [[nodiscard]] bool is_our_reader(SCARDCONTEXT context, const std::string& name);

  /// `protocols` and `active` are Windows' bits. Codes: kNoService for a reader of ours when our side has
  /// gone.
  Code connect(SCARDCONTEXT context, const std::string& reader, DWORD share, DWORD protocols,
               SCARDHANDLE& card, DWORD& active);
  Code disconnect(SCARDHANDLE card, DWORD disposition);

  /// Over the readers of both, as Windows does it.
  Code status_change(SCARDCONTEXT context, DWORD timeout, std::span<Watched> watched);
  Code cancel(SCARDCONTEXT context);

  /// Who is behind a card's handle.
  struct Route {
    Handle ours = 0;
    SCARDHANDLE system = 0;
    std::shared_ptr<std::atomic<DWORD>> transmitted{};  ///< see transmitted_

    [[nodiscard]] bool is_ours() const { return ours != 0; }
  };
  /// Nothing behind a handle that is none.
  [[nodiscard]] Route route(SCARDHANDLE card) const;

  Core& core() { return core_; }

 private:
  struct Context {
    Handle ours = 0;
    std::atomic<SCARDCONTEXT> system{0};
    std::atomic<bool> ours_gone{false};  ///< the agent ended: from then on for as long as the context lives
    std::mutex mutex;
    std::vector<std::string> names;  // guarded by mutex; our readers, as last heard of
    std::condition_variable over;
    bool waiting = false;    // guarded by mutex
    bool cancelled = false;  // guarded by mutex
  };
  struct Card {
    Route behind;
    SCARDCONTEXT context = 0;
  };

  [[nodiscard]] std::shared_ptr<Context> find(SCARDCONTEXT context) const;
  SCARDHANDLE keep(Route behind, SCARDCONTEXT context, const std::string& reader);
  Code look(Context& context, std::span<Watched> watched, bool& changed);
  void wait_either(Context& context, DWORD timeout, std::span<const Watched> watched);
  Code merged_change(Context& context, DWORD timeout, std::span<Watched> watched);
  void wait_real(Context& context, DWORD timeout, std::span<Watched> there);
  [[nodiscard]] std::vector<std::string> our_readers(Context& context);

  Core core_;
  mutable std::mutex mutex_;
  ULONG_PTR last_ = 0x1000;                                    // guarded by mutex_
  std::map<SCARDCONTEXT, std::shared_ptr<Context>> contexts_;  // guarded by mutex_
  std::map<SCARDHANDLE, Card> cards_;                          // guarded by mutex_
  /// Commands of this process so far, by reader: for SCardGetTransmitCount.
  std::map<std::string, std::shared_ptr<std::atomic<DWORD>>> transmitted_;  // guarded by mutex_
};

}  // namespace cardea::winscard
