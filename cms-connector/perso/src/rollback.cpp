#include <algorithm>

#include "cardea/cms/perso/issue.h"
#include "reference_data.h"

namespace cardea::cms::perso {

namespace {

class RollBack {
 public:
  RollBack(const Job& job, State& state, Desk& desk) : job_{job}, state_{state}, desk_{desk} {}

  Outcome<std::vector<std::string>> all() {
    const std::size_t count = 2 + touched() + credentials();
    const auto step = [&](const std::string& title, auto act) -> Outcome<void> {
      desk_.progress.begin(++number_, count, title);
      note_.clear();
      Outcome<void> result = within_transaction(act);
      if (result) {
        if (const auto saved = desk_.states.save(state_); !saved)
          result = tl::unexpected{to_failure(saved.error())};
      }
      if (!result) {
        desk_.progress.failed();
        return result;
      }
      desk_.progress.done(note_);
      return result;
    };

    CARDEA_CHECK(step("select PIV", [this] { return open(); }));
    CARDEA_CHECK(
        step("authenticate with the management key", [this] { return authenticate(job_, state_, desk_); }));
    for (auto& [tag, object] : state_.objects) {
      if (!object.touched) continue;
      CARDEA_CHECK(step((object.before.empty() ? "delete " : "restore ") + piv::object_name(tag),
                        [&, number = tag] { return restore(number, state_.objects[number]); }));
    }
    if (may_be_changed("puk")) {
      CARDEA_CHECK(step("restore the PUK", [this] {
        return restore_reference("puk", piv::kPukReference, job_.fresh.puk, job_.current.puk);
      }));
    }
    if (may_be_changed("pin")) {
      CARDEA_CHECK(step("restore the PIN", [this] {
        return restore_reference("pin", piv::kPinReference, job_.fresh.pin, job_.current.pin);
      }));
    }
    if (may_be_changed("management-key")) {
      CARDEA_CHECK(step("restore the management key", [this] { return restore_management_key(); }));
    }

    for (const auto& [reference, slot] : state_.slots) {
      if (slot.key)
        left_.push_back("the key in " + piv::name(piv::Slot{reference, 0}) +
                        " stays until another one replaces it");
    }
    state_.rolled_back = true;
    state_.finished = false;
    if (const auto saved = desk_.states.save(state_); !saved)
      return tl::unexpected{to_failure(saved.error())};
    return left_;
  }

 private:
  [[nodiscard]] bool may_be_changed(const std::string& id) const {
    return state_.done.contains(id) || state_.begun.contains(id);
  }

  [[nodiscard]] std::size_t touched() const {
    return static_cast<std::size_t>(std::count_if(state_.objects.begin(), state_.objects.end(),
                                                  [](const auto& entry) { return entry.second.touched; }));
  }

  [[nodiscard]] std::size_t credentials() const {
    return (may_be_changed("puk") ? 1U : 0U) + (may_be_changed("pin") ? 1U : 0U) +
           (may_be_changed("management-key") ? 1U : 0U);
  }

  template <class Act>
  Outcome<void> within_transaction(Act act) {
    if (const auto begun = desk_.card.begin(); !begun) return tl::unexpected{to_failure(begun.error())};
    Outcome<void> result = act();
    desk_.card.end();
    return result;
  }

  Outcome<void> open() {
    const auto facts = open_card(state_, desk_, false, false, job_.plan);
    if (!facts) return tl::unexpected{facts.error()};
    return {};
  }

  /// Puts back what was there, unless somebody else has changed the object since.
  Outcome<void> restore(std::uint32_t tag, ObjectState& object) {
    const auto current = desk_.card.read_object(tag);
    if (!current) return tl::unexpected{to_failure(current.error())};
    const Bytes now = current->value_or(Bytes{});
    // Before the card is changed: the CHUID is how the next run would know it again.
    forget(tag);
    if (const auto saved = desk_.states.save(state_); !saved)
      return tl::unexpected{to_failure(saved.error())};
    if (now == object.before) {
      note_ = "as before already";
    } else if (now == object.content) {
      if (const auto written = desk_.card.write_object(tag, object.before); !written)
        return tl::unexpected{to_failure(written.error())};
    } else {
      note_ = "left as it is";
      left_.push_back("the " + piv::object_name(tag) + " was changed by somebody else and was left as it is");
    }
    object.touched = false;
    return {};
  }

  void forget(std::uint32_t tag) {
    for (const auto& step : plan_steps(job_.plan, state_.changes)) {
      if (step.tag == tag && (step.kind == StepKind::object || step.kind == StepKind::store))
        state_.done.erase(step.id);
    }
  }

  Outcome<void> restore_reference(const std::string& id, std::uint8_t reference,
                                  const std::optional<SecretBytes>& from, const SecretBytes& to) {
    const std::string what = reference == piv::kPukReference ? "PUK" : "PIN";
    if (!from)
      return tl::unexpected{
          Failure{Exit::usage, "the " + what + " that was set is needed to change it back"}};
    // Whether it is known to be changed or only may be, the other value is the one to fall back on.
    state_.begun.insert(id);
    const auto changed = change_reference(id, reference, *from, to, state_, desk_);
    if (!changed) return changed;
    state_.begun.erase(id);
    state_.done.erase(id);
    return {};
  }

  Outcome<void> restore_management_key() {
    // Authentication has found out which key the card has.
    if (state_.done.contains("management-key")) {
      if (const auto set = desk_.card.set_management_key(job_.current.management_key); !set)
        return tl::unexpected{to_failure(set.error())};
    } else {
      note_ = "as before already";
    }
    state_.begun.erase("management-key");
    state_.done.erase("management-key");
    return {};
  }

  const Job& job_;
  State& state_;
  Desk& desk_;
  std::size_t number_ = 0;
  std::string note_;
  std::vector<std::string> left_;
};

}  // namespace

Outcome<std::vector<std::string>> roll_back(const Job& job, State& state, Desk& desk) {
  if (state.rolled_back) return tl::unexpected{Failure{Exit::usage, "this issuance was rolled back already"}};
  return RollBack{job, state, desk}.all();
}

}  // namespace cardea::cms::perso
