#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/link/socket.h"
#include "cardea/result.h"
#include "cardea/slot/slot.h"

namespace cardea::ifd {

/// Where a reader listens and how many slots it has: DEVICENAME in reader.conf, `unix:PATH` or
/// `unix:PATH:SLOTS`.
struct DeviceName {
  std::string path = "/run/cardea/ifd.sock";
  unsigned slots = 1;
};

/// pcsc-lite 1.9 has sixteen reader contexts in all.
inline constexpr unsigned kMaxSlots = 16;

/// Errors: `invalid` with a sentence for the log.
Result<DeviceName> parse_device_name(const std::string& text);

/// Whose members may put cards into the reader, besides root and the user that pcscd runs as. Nobody else
/// when there is no such group.
inline constexpr const char* kGroupName = "cardea";

/// How long an agent may take for one command. Longer than the agent's own limits, so that it can explain
/// itself first.
inline constexpr std::chrono::seconds kCommandDeadline{40};

/// How long the thread of pcscd that tells the applications hears nothing of a removal after another thread
/// was told of the card, or reset it. pcsc-lite 1.9.9 writes what came of a reset into the reader's state
/// without a lock (winscard.c, SCardDisconnect, SCardReconnect, SCardEndTransaction): a reset that fails
/// because the card goes away just then writes "present", and where the removal was written first, that stays
/// until the next card comes.
inline constexpr std::chrono::milliseconds kSettle{250};

/// One reader: a socket that agents connect to, and slots that their cards are in. A connection is a card in
/// a slot; a thread of the reader's own accepts connections and notices when one ends.
class Reader {
 public:
  using Log = std::function<void(const std::string&)>;

  /// Errors: those of link::listen_on.
  static Result<std::unique_ptr<Reader>> open(const DeviceName& name, Log log,
                                              std::chrono::milliseconds settle = kSettle);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  [[nodiscard]] unsigned slots() const { return static_cast<unsigned>(places_.size()); }

  /// Whether pcscd is to see a card. Asked by the thread that waits for changes, it also settles a lost card,
  /// unless another thread may still be writing down that it is there.
  [[nodiscard]] bool present(unsigned slot);

  /// Cold or warm reset; the ATR. Errors: `not_found` without a card.
  Result<Bytes> power_on(unsigned slot, link::FrameType how);
  Result<void> power_off(unsigned slot);
  /// The ATR of a powered card.
  Result<Bytes> atr(unsigned slot);

  /// One command APDU and its response. What is no command is answered 6700 here. Errors: `not_found` without
  /// a card, `unavailable` when the agent died or kept silent: the card counts as taken out then.
  Result<Bytes> transmit(unsigned slot, BytesView command);

  /// Returns when the slot's card came or went since this last returned, `stop_waiting` was called, or
  /// `limit` has passed. What happens between two calls is not missed.
  void wait_for_change(unsigned slot, std::chrono::milliseconds limit);
  /// Lets the waiting call return, or the next one if none waits: pcscd is closing the reader, or has another
  /// limit.
  void stop_waiting(unsigned slot);

 private:
  class PowerUse;
  struct Place {
    slot::Slot slot;                         // guarded by mutex_
    std::shared_ptr<link::Channel> channel;  // guarded by mutex_
    Bytes atr;                               // guarded by mutex_
    bool changed = false;                    // guarded by mutex_; since the watching thread waited
    std::optional<std::thread::id> watcher;  // guarded by mutex_; the thread of pcscd that waits for changes
    unsigned powering = 0;                   // guarded by mutex_; resets under way in other threads
    std::optional<std::chrono::steady_clock::time_point>
        told;                 // guarded by mutex_; when another thread last relied on it
    std::mutex in_use;        // held for the length of one command
    std::uint32_t asked = 0;  // guarded by in_use; number of the last command
  };

  Reader(link::Descriptor listener, link::Descriptor wake, unsigned slots, Log log,
         std::chrono::milliseconds settle);

  /// Somebody who has connected and said nothing yet.
  struct Newcomer {
    std::shared_ptr<link::Channel> channel;
    std::chrono::steady_clock::time_point until;
  };

  void watch();
  void accept_newcomer();
  void hear(const Newcomer& newcomer);
  std::optional<std::string> admit(const std::shared_ptr<link::Channel>& channel, const link::Hello& hello);
  void take_out(Place& place, const std::shared_ptr<link::Channel>& channel, const std::string& why);
  Result<std::shared_ptr<link::Channel>> channel_of(Place& place);
  static Result<Bytes> ask(link::Channel& channel, BytesView command, std::uint32_t number);
  /// The next four: with mutex_ held.
  [[nodiscard]] static bool asked_by_watcher(const Place& place);
  static void rely(Place& place);
  [[nodiscard]] bool unsettled(const Place& place) const;
  /// Until when the removal of a lost card is held back, seen from now.
  [[nodiscard]] std::chrono::milliseconds rest(const Place& place) const;
  void poke();

  link::Descriptor listener_;
  link::Descriptor wake_;
  Log log_;
  const std::chrono::milliseconds settle_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<Newcomer> newcomers_;  // the watcher's own
  std::thread watcher_;
};

}  // namespace cardea::ifd
