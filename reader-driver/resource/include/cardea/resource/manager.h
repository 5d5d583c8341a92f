#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cardea/pcsc_link/session.h"
#include "cardea/resource/card_port.h"

namespace cardea::resource {

struct Options {
  /// Readers are called "NAME 00 00", "NAME 00 01", …, as pcscd calls those of our driver.
  std::string name = "Cardea";
  /// How long a card that nobody uses stays powered; what was verified is gone then. As in pcscd.
  std::chrono::milliseconds idle_limit{5000};
};

/// A context that is asked by another thread: what is more than a session.
class Context : public pcsc_link::Session {
 public:
  /// Whether a call on this card (`connect`: on this reader) would have to wait for another connection's
  /// transaction. Only a hint: a moment later it may be otherwise.
  [[nodiscard]] virtual bool would_wait(pcsc_link::CardId card) const = 0;
  [[nodiscard]] virtual bool would_wait(const std::string& reader) const = 0;

  /// Ends every call that waits, now and later, with kNoService. Any thread.
  virtual void interrupt() noexcept = 0;
};

/// A PC/SC resource manager: readers, the cards in them, and what programs may do with them at the same time.
/// It behaves as pcscd 1.9 does (resource/README.md says where it does not). No sockets; time enters as
/// limits of waiting only. Thread-safe.
class Manager {
 public:
  /// One reader, empty.
  explicit Manager(Options options = {});
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  /// Contexts may live on; all they say is kNoService.
  ~Manager();

  /// Puts a card into the first empty reader, or into a new one where none is; its name. Readers stay.
  std::string insert(std::shared_ptr<CardPort> card);

  /// Takes it out: whoever is connected to it hears kRemovedCard. Does nothing when it is in no reader. A
  /// command under way is not waited for; that is the port's business.
  void remove(const std::shared_ptr<CardPort>& card);

  /// SCardEstablishContext. Codes: kInvalidValue for a scope that is none, kNoService after `close`.
  pcsc_link::Code establish(std::uint32_t scope, std::unique_ptr<Context>& out);

  /// Ends all waiting calls and takes no further ones: the agent is ending.
  void close();

 private:
  class Watched;
  const std::unique_ptr<Watched> watched_;
};

}  // namespace cardea::resource
