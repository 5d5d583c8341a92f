#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "card_note.h"
#include "cardea/card/gp/channel_records.h"
#include "cardea/card/ports/pin_vault.h"
#include "cardea/card/ports/store.h"

namespace cardea::service {

/// Notices that a blank card is written to, before it is: from then on it is being issued. Under the
/// session's mutex, as the card is.
class FirstWrite {
 public:
  FirstWrite(World world, store::CardRow card, std::string device)
      : world_{world}, card_{std::move(card)}, device_{std::move(device)} {}

  Result<void> before_write() {
    if (card_.issuance != store::Issuance::blank) return {};
    const auto actor = "device:" + device_;
    CARDEA_CHECK(note_card(world_, card_, actor, "card.issuing", true, "{}"));
    if (auto begun = world_.database.begin_issuing(card_.id, device_); !begun) {
      CARDEA_CHECK(note_card(world_, card_, actor, "card.issuing", false, "{}"));
      return begun;
    }
    card_.issuance = store::Issuance::issuing;
    return {};
  }

 private:
  World world_;
  store::CardRow card_;
  std::string device_;
};

/// Objects, keys, the management key: all that a card keeps besides its PINs. A channel that is opened into
/// the card is no writing.
class WatchedStore final : public card::Store {
 public:
  WatchedStore(std::unique_ptr<card::Store> inner, FirstWrite& first)
      : inner_{std::move(inner)}, first_{first} {}

  Result<std::optional<Bytes>> get(card::RecordId id) override { return inner_->get(id); }
  Result<std::vector<std::uint32_t>> list(card::RecordSpace space) override { return inner_->list(space); }
  Result<void> commit_if(std::span<const card::Condition> conditions,
                         std::span<const card::Change> changes) override {
    if (!card::gp::counts_channels_only(changes)) CARDEA_CHECK(first_.before_write());
    return inner_->commit_if(conditions, changes);
  }
  Result<std::uint64_t> generation() override { return inner_->generation(); }

 private:
  std::unique_ptr<card::Store> inner_;
  FirstWrite& first_;
};

/// New values of PIN and PUK. Tries are no writing.
class WatchedPins final : public card::PinVault {
 public:
  WatchedPins(card::PinVault& inner, FirstWrite& first) : inner_{inner}, first_{first} {}

  Result<card::PinStatus> status(card::PinRef ref) override { return inner_.status(ref); }
  Result<card::PinVerdict> verify(card::PinRef ref, const card::PinEvidence& evidence) override {
    return inner_.verify(ref, evidence);
  }
  Result<void> replace(std::span<const card::PinUpdate> updates) override {
    CARDEA_CHECK(first_.before_write());
    return inner_.replace(updates);
  }
  Result<bool> change_awaited() override { return inner_.change_awaited(); }

 private:
  card::PinVault& inner_;
  FirstWrite& first_;
};

}  // namespace cardea::service
