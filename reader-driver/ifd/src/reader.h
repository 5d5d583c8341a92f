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

/// One reader: a socket that agents connect to, and slots that their cards are in. A connection is a card in
/// a slot; a thread of the reader's own accepts connections and notices when one ends.
class Reader {
 public:
  using Log = std::function<void(const std::string&)>;

  /// Errors: those of link::listen_on.
  static Result<std::unique_ptr<Reader>> open(const DeviceName& name, Log log);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  [[nodiscard]] unsigned slots() const { return static_cast<unsigned>(places_.size()); }

  /// Whether pcscd is to see a card. Asked by the thread that waits for changes, it also settles a lost card.
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
  struct Place {
    slot::Slot slot;                         // guarded by mutex_
    std::shared_ptr<link::Channel> channel;  // guarded by mutex_
    Bytes atr;                               // guarded by mutex_
    bool changed = false;                    // guarded by mutex_; since the watching thread waited
    std::optional<std::thread::id> watcher;  // guarded by mutex_; the thread of pcscd that waits for changes
    std::mutex in_use;                       // held for the length of one command
    std::uint32_t asked = 0;                 // guarded by in_use; number of the last command
  };

  Reader(link::Descriptor listener, link::Descriptor wake, unsigned slots, Log log);

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
  void poke();

  link::Descriptor listener_;
  link::Descriptor wake_;
  Log log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<Newcomer> newcomers_;  // the watcher's own
  std::thread watcher_;
};

}  // namespace cardea::ifd
