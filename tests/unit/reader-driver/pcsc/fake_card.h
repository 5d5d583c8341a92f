#pragma once

#include <condition_variable>
#include <mutex>
#include <string>

#include "cardea/hex.h"
#include "cardea/resource/card_port.h"

namespace cardea::test {

/// A card that answers each command with its own octets and 9000, and keeps a diary.
class FakeCard final : public resource::CardPort {
 public:
  explicit FakeCard(std::string atr = "3B80800101") : atr_{*from_hex(atr)} {}

  [[nodiscard]] Bytes atr() const override { return atr_; }

  Result<void> power(resource::Power how) override {
    note(how == resource::Power::on ? "on" : how == resource::Power::reset ? "reset" : "off");
    const std::lock_guard lock{mutex_};
    if (gone_) return fail(Errc::not_found, "gone");
    return {};
  }

  Result<Bytes> transmit(BytesView command) override {
    note(to_hex(command));
    std::unique_lock lock{mutex_};
    ++inside_;
    moved_.notify_all();
    moved_.wait(lock, [this] { return !held_; });
    --inside_;
    if (gone_) return fail(Errc::unavailable, "lost on the way");
    return concat({command, Bytes{0x90, 0x00}});
  }

  /// Commands stay in the card until `let_go`.
  void hold() {
    const std::lock_guard lock{mutex_};
    held_ = true;
  }
  void let_go() {
    const std::lock_guard lock{mutex_};
    held_ = false;
    moved_.notify_all();
  }
  void wait_for_command() {
    std::unique_lock lock{mutex_};
    moved_.wait(lock, [this] { return inside_ > 0; });
  }
  void break_off() {
    const std::lock_guard lock{mutex_};
    gone_ = true;
  }
  /// What happened since the last look, with spaces between.
  std::string diary() {
    const std::lock_guard lock{mutex_};
    return std::exchange(diary_, {});
  }
  /// Waits until it has this at its end.
  void wait_for_entry(const std::string& entry) {
    std::unique_lock lock{mutex_};
    moved_.wait(lock, [&] { return diary_.ends_with(entry); });
  }

 private:
  void note(const std::string& entry) {
    const std::lock_guard lock{mutex_};
    diary_ += (diary_.empty() ? "" : " ") + entry;
    moved_.notify_all();
  }

  const Bytes atr_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::string diary_;
  bool held_ = false;
  bool gone_ = false;
  int inside_ = 0;
};

}  // namespace cardea::test
