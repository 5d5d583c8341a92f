#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cardea/pcsc_link/session.h"
#include "cardea/winscard/attributes.h"
#include "cardea/winscard/status_change.h"

namespace cardea::winscard {

/// An SCARDCONTEXT or SCARDHANDLE of this process: not 0, never used twice, and positive in 32 bits.
using Handle = std::uint32_t;

/// Opens a context at the resource manager. Codes: kNoService, kInvalidValue.
using OpenSession = std::function<Code(std::uint32_t scope, std::unique_ptr<pcsc_link::Session>& out)>;

/// What SCardStatus shows of a connection.
struct CardStatus {
  std::string reader;
  std::uint32_t state = 0;  ///< bits of pcsc_link::reader_state
  std::uint16_t events = 0;
  std::uint32_t protocol = 0;
  Bytes atr;
};

/// The PC/SC functions of one process behind its SCard* exports, which translate types, buffers and what the
/// systems see differently: its handles, and one session at the resource manager a context. Thread-safe. As
/// in PC/SC implementations, the calls of one context come one after the other; only `cancel` overtakes.
///
/// All codes are those of winscard.h for Windows (vocabulary.h). An unknown handle is kInvalidHandle. Throws
/// nothing but std::bad_alloc.
class Core {
 public:
  explicit Core(OpenSession open);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core();

  Code establish(std::uint32_t scope, Handle& context);
  /// Ends a wait in another thread first.
  Code release(Handle context);
  [[nodiscard]] bool is_context(Handle context) const;
  [[nodiscard]] bool is_card(Handle card) const;

  /// The names of the readers, in the resource manager's order. Codes: kNoReadersAvailable.
  Code list_readers(Handle context, std::vector<std::string>& names);

  /// `active` is set whatever the outcome.
  Code connect(Handle context, const std::string& reader, std::uint32_t share, std::uint32_t protocols,
               Handle& card, std::uint32_t& active);
  Code reconnect(Handle card, std::uint32_t share, std::uint32_t protocols, std::uint32_t initialization,
                 std::uint32_t& active);
  Code disconnect(Handle card, std::uint32_t disposition);
  Code begin(Handle card);
  Code end(Handle card, std::uint32_t disposition);
  Code status(Handle card, CardStatus& out);

  /// Waits until `policy` says that something has changed, at most `timeout` milliseconds. Codes: kTimeout
  /// (the events are filled in all the same), kCancelled, and what the policy refuses with.
  Code status_change(Handle context, std::uint32_t timeout, std::span<Watched> watched,
                     const ChangePolicy& policy);
  /// Ends the wait of this context, if there is one.
  Code cancel(Handle context);

  Code control(Handle card, std::uint32_t control_code, BytesView input, Bytes& out);
  /// Codes: kUnsupportedFeature, kNotTransacted for the ATR of a card that is not there.
  Code attribute(Handle card, std::uint32_t id, Attribute& out);
  /// Every attribute is read-only: kNotTransacted where `attribute` would answer.
  Code set_attribute(Handle card, std::uint32_t id);
  Code transmit(Handle card, std::uint32_t protocol, BytesView command, pcsc_link::Transmitted& out);

  /// Around fork(), on POSIX systems: before it, after it in the parent, after it in the child, where all
  /// handles are invalid from then on and the parent's contexts are left alone.
  void before_fork() { table_.lock(); }
  void after_fork_in_parent() { table_.unlock(); }
  void after_fork_in_child();

 private:
  struct Context;
  struct Card {
    std::shared_ptr<Context> context;
    pcsc_link::CardId id = 0;
  };

  std::shared_ptr<Context> find_context(Handle context) const;
  [[nodiscard]] Card find_card(Handle card) const;
  Handle new_handle();
  template <class Call>
  Code with_card(Handle card, Call call);

  const OpenSession open_;
  mutable std::mutex table_;
  Handle last_ = 0;                                      // guarded by table_
  std::map<Handle, std::shared_ptr<Context>> contexts_;  // guarded by table_
  std::map<Handle, Card> cards_;                         // guarded by table_
  std::vector<std::shared_ptr<Context>> of_parent_;      // after a fork: never ended, never used
};

}  // namespace cardea::winscard
