#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cardea/resource/manager.h"
#include "hub.h"

namespace cardea::resource {

/// A context of a program: its connections, and how PC/SC's calls go through the hub.
class HubContext final : public Context {
 public:
  explicit HubContext(std::shared_ptr<Hub> hub) : hub_{std::move(hub)} {}
  HubContext(const HubContext&) = delete;
  HubContext& operator=(const HubContext&) = delete;
  ~HubContext() override;

  Code connect(const std::string& name, std::uint32_t share, std::uint32_t protocols,
               pcsc_link::Connected& out) override;
  Code reconnect(pcsc_link::CardId card, std::uint32_t share, std::uint32_t protocols,
                 std::uint32_t initialization, pcsc_link::Connected& out) override;
  Code disconnect(pcsc_link::CardId card, std::uint32_t how) override;
  Code begin(pcsc_link::CardId card) override;
  Code end(pcsc_link::CardId card, std::uint32_t how) override;
  Code status(pcsc_link::CardId card, bool wait, pcsc_link::ReaderRecord& out) override;
  Code transmit(pcsc_link::CardId card, std::uint32_t protocol, BytesView command,
                pcsc_link::Transmitted& out) override;
  Code control(pcsc_link::CardId card, std::uint32_t control_code, BytesView input, Bytes& out) override;
  Code readers(pcsc_link::ReaderList& out) override;
  Code wait(std::uint32_t call, std::uint64_t known, std::uint32_t limit,
            pcsc_link::ReaderList& out) override;
  void cancel(std::uint32_t call) noexcept override;
  Code release() override;
  void abandon() noexcept override { abandoned_ = true; }

  [[nodiscard]] bool would_wait(pcsc_link::CardId card) const override;
  [[nodiscard]] bool would_wait(const std::string& name) const override;
  void interrupt() noexcept override;

 private:
  /// A reader whose turn it is: its card may be spoken to while `busy` is held, its state looked at while
  /// `lock` is.
  struct Turn {
    Reader& reader;
    Connection* connection;
    std::unique_lock<std::mutex> busy;
    Hub::Lock lock;
  };

  [[nodiscard]] Connection* find(pcsc_link::CardId card) const;
  /// With the hub's mutex held.
  [[nodiscard]] bool stopped() const { return interrupted_ || hub_->closed; }
  /// Codes: kNoService; `refuse` is asked before the wait and after it, and ends it.
  template <class Refuse>
  Code take_turn(Turn& turn, Refuse refuse);
  template <class Act>
  Code with_turn(pcsc_link::CardId card, Act act);
  Code prepare(Turn& turn, std::uint32_t share, std::uint32_t protocols);
  static Code restart(Turn& turn, std::uint32_t how);
  static Code switch_on(Turn& turn, bool off_first, Power how);
  void leave(Turn& turn);

  const std::shared_ptr<Hub> hub_;
  std::map<pcsc_link::CardId, std::unique_ptr<Connection>> connections_;
  pcsc_link::CardId last_ = 0;
  bool abandoned_ = false;
  std::optional<std::uint32_t> cancelled_;  // guarded by the hub's mutex
  std::atomic<bool> interrupted_ = false;   // set with the hub's mutex held
};

}  // namespace cardea::resource
