#include "cardea/cms/perso/issue.h"

#include <algorithm>

#include "reference_data.h"

namespace cardea::cms::perso {

namespace {

Outcome<void> as_outcome(const Result<void>& result) {
  if (!result) return tl::unexpected{to_failure(result.error())};
  return {};
}

/// One run over the steps of a plan.
class Run {
 public:
  Run(const Job& job, State& state, Desk& desk)
      : job_{job}, state_{state}, desk_{desk}, resumed_{!state.reader.empty() && has_begun(state)} {}

  Outcome<std::vector<std::string>> all() {
    const auto steps = plan_steps(job_.plan, state_.changes);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (desk_.interrupted && desk_.interrupted())
        return tl::unexpected{Failure{Exit::interrupted, "interrupted by request"}};
      desk_.progress.begin(i + 1, steps.size(), steps[i].title);
      note_.clear();
      if (const auto taken = take(steps[i]); !taken) {
        desk_.progress.failed();
        return tl::unexpected{taken.error()};
      }
      desk_.progress.done(note_);
    }
    state_.finished = true;
    if (const auto saved = desk_.states.save(state_); !saved)
      return tl::unexpected{to_failure(saved.error())};
    return warnings_;
  }

 private:
  /// One step within one transaction, and then the state that says so.
  Outcome<void> take(const Step& step) {
    if (const auto begun = desk_.card.begin(); !begun) {
      auto failure = to_failure(begun.error());
      return step.kind == StepKind::open ? never_there(std::move(failure))
                                         : tl::unexpected{std::move(failure)};
    }
    auto result = perform(step);
    desk_.card.end();
    if (!result) return result;
    if (is_volatile(step.kind)) return {};
    const bool kept = step.kind == StepKind::management_key && !state_.changes.management_key;
    if (!kept) state_.done.insert(step.id);
    return as_outcome(desk_.states.save(state_));
  }

  /// A card that goes before anything was done to it.
  static tl::unexpected<Failure> never_there(Failure failure) {
    if (failure.exit == Exit::interrupted) failure.exit = Exit::no_card;
    return tl::unexpected{std::move(failure)};
  }

  Outcome<void> perform(const Step& step) {
    switch (step.kind) {
      case StepKind::open:
        return open();
      case StepKind::authenticate:
        return authenticate(job_, state_, desk_);
      case StepKind::object:
        return as_outcome(write(step.tag, state_.objects[step.tag]));
      case StepKind::retire:
        return as_outcome(retire(job_.plan.slots[step.slot], step));
      case StepKind::import_key:
        return import_key(job_.plan.slots[step.slot], step);
      case StepKind::generate:
        return as_outcome(generate(job_.plan.slots[step.slot], step));
      case StepKind::request:
        return as_outcome(request(job_.plan.slots[step.slot]));
      case StepKind::certificate:
        return certificate(job_.plan.slots[step.slot]);
      case StepKind::store:
        return store(job_.plan.slots[step.slot]);
      case StepKind::puk:
        return change(step.id, piv::kPukReference, job_.current.puk, job_.fresh.puk, "PUK");
      case StepKind::pin:
        return change(step.id, piv::kPinReference, job_.current.pin, job_.fresh.pin, "PIN");
      case StepKind::management_key:
        return as_outcome(management_key(step));
    }
    return {};
  }

  Outcome<void> open() {
    const auto facts = open_card(state_, desk_, !resumed_ && !state_.renewal, job_.replace, job_.plan);
    if (!facts) return never_there(facts.error());
    const bool policies =
        std::any_of(job_.plan.slots.begin(), job_.plan.slots.end(), [](const SlotPlan& slot) {
          return slot.pin_policy != piv::PinPolicy::standard ||
                 slot.touch_policy != piv::TouchPolicy::standard;
        });
    if (policies && !facts->version)
      warnings_.emplace_back("the card does not say that it knows PIN and touch policies");
    // From here on there is something to resume.
    return as_outcome(desk_.states.save(state_));
  }

  /// Writes an object unless it is there, and reads it back. What it held before is remembered for a
  /// roll-back.
  Result<void> write(std::uint32_t tag, ObjectState& object) {
    CARDEA_TRY(const auto current, desk_.card.read_object(tag));
    if (current == object.content) {
      note_ = "there already";
      return {};
    }
    if (!object.touched) {
      object.touched = true;
      object.before = current.value_or(Bytes{});
      CARDEA_CHECK(desk_.states.save(state_));
    }
    CARDEA_CHECK(desk_.card.write_object(tag, object.content));
    CARDEA_TRY(const auto written, desk_.card.read_object(tag));
    if (written != object.content)
      return fail(Errc::corrupt,
                  "the card does not hold what was written to it (" + piv::object_name(tag) + ")");
    return {};
  }

  /// Whether the key that the state knows is still the one in the slot. Cards without metadata are believed:
  /// the request and the certificate check would find a wrong key out.
  Result<bool> key_is_there(const SlotPlan& plan, const SlotState& slot) {
    if (!slot.key) return false;
    CARDEA_TRY(const auto metadata, desk_.card.metadata(plan.slot.reference));
    return !metadata || metadata->public_key.empty() || metadata->public_key == slot.key->encoded;
  }

  Result<void> generate(const SlotPlan& plan, const Step& step) {
    SlotState& slot = state_.slots[plan.slot.reference];
    if (state_.done.contains(step.id)) {
      CARDEA_TRY(const bool there, key_is_there(plan, slot));
      if (there) {
        note_ = "there already";
        return {};
      }
      warnings_.push_back(piv::name(plan.slot) +
                          " held another key than this issuance made; a new one was made");
    }
    slot = {};
    CARDEA_TRY(slot.key, desk_.card.generate(plan.slot, plan.algorithm, plan.pin_policy, plan.touch_policy));
    return {};
  }

  /// The old key moves out of the way. Whether it did is seen in the retired slot.
  Result<void> retire(const SlotPlan& plan, const Step& step) {
    const SlotState& old = state_.slots[plan.retire_to->reference];
    if (state_.begun.contains(step.id) && old.key) {
      CARDEA_TRY(const auto there, desk_.card.metadata(plan.retire_to->reference));
      if (there && there->public_key == old.key->encoded) {
        note_ = "moved already";
        return {};
      }
    }
    state_.begun.insert(step.id);
    CARDEA_CHECK(desk_.states.save(state_));
    return desk_.card.move_key(plan.slot, *plan.retire_to);
  }

  Outcome<void> import_key(const SlotPlan& plan, const Step& step) {
    SlotState& slot = state_.slots[plan.slot.reference];
    if (state_.done.contains(step.id)) {
      const auto there = key_is_there(plan, slot);
      if (!there) return as_outcome(tl::unexpected{there.error()});
      if (*there) {
        note_ = "there already";
        return {};
      }
    }
    if (job_.keys == nullptr)
      return tl::unexpected{
          Failure{Exit::usage, "the key of " + piv::name(plan.slot) + " is needed: --import-key"}};
    // What fails here is a file or a certificate of this host's, and the card has not been touched.
    const auto key = job_.keys->key_for(plan, state_.guid);
    if (!key) return tl::unexpected{Failure{Exit::usage, key.error().what}};
    if (key->key.public_key.algorithm != plan.algorithm) {
      return tl::unexpected{
          Failure{Exit::usage, "the key for " + piv::name(plan.slot) + " is " +
                                   std::string{piv::info(key->key.public_key.algorithm).title} +
                                   ", and the plan wants " + std::string{piv::info(plan.algorithm).title}}};
    }
    // A certificate that a renewal took over from the card stays.
    const Bytes known = slot.certificate;
    slot = {};
    slot.key = key->key.public_key;
    if (plan.origin == KeyOrigin::imported_certificate) {
      slot.certificate = key->certificate.empty() ? known : key->certificate;
      if (slot.certificate.empty()) {
        return tl::unexpected{Failure{Exit::usage, "no certificate came with the key for " +
                                                       piv::name(plan.slot) + "; PKCS#12 holds both"}};
      }
      const auto whose = ca::public_key_of(slot.certificate);
      if (!whose || *whose != *slot.key)
        return tl::unexpected{
            Failure{Exit::usage, "the certificate for " + piv::name(plan.slot) + " is for another key"}};
    }
    return as_outcome(desk_.card.import_key(plan.slot, key->key, plan.pin_policy, plan.touch_policy));
  }

  bool pin_is_changed() const { return state_.done.contains("pin"); }

  Result<void> request(const SlotPlan& plan) {
    SlotState& slot = state_.slots[plan.slot.reference];
    if (!slot.request.empty()) {
      note_ = "made already";
      return {};
    }
    const bool pin_needed = plan.pin_policy == piv::PinPolicy::standard
                                ? plan.slot.reference != 0x9E
                                : plan.pin_policy != piv::PinPolicy::never;
    const SecretBytes& pin = pin_is_changed() && job_.fresh.pin ? *job_.fresh.pin : job_.current.pin;
    CARDEA_TRY(slot.request, ca::build_request(state_.holder, plan.certificate, *slot.key,
                                               [&](BytesView block) -> Result<Bytes> {
                                                 // Immediately before the signature: 9C wants the PIN anew
                                                 // for each (SP 800-73-4 Part 1, 3.3).
                                                 if (pin_needed) CARDEA_CHECK(desk_.card.verify_pin(pin));
                                                 return desk_.card.sign(plan.slot, plan.algorithm, block);
                                               }));
    return {};
  }

  Outcome<void> certificate(const SlotPlan& plan) {
    SlotState& slot = state_.slots[plan.slot.reference];
    if (!slot.certificate.empty()) {
      note_ = "issued already";
      return {};
    }
    const auto failed = [](const Error& error) {
      return tl::unexpected{Failure{Exit::ca_failed, error.what}};
    };
    auto certificate = desk_.authority.issue(
        {piv::name(plan.slot), slot.request, state_.holder, plan.certificate, state_.renewal});
    if (!certificate) return failed(certificate.error());
    if (const auto checked = ca::check_certificate(*certificate, *slot.key); !checked)
      return failed(checked.error());
    slot.certificate = *std::move(certificate);
    return {};
  }

  Outcome<void> store(const SlotPlan& plan) {
    const Bytes& certificate = state_.slots[plan.slot.reference].certificate;
    ObjectState& object = state_.objects[plan.slot.certificate_tag];
    bool packed = plan.compression == Compression::always;
    object.content = piv::encode_certificate({certificate, false});
    if (object.content.size() > job_.plan.certificate_capacity)
      packed = plan.compression != Compression::never;
    if (packed) {
      auto smaller = ca::gzip(certificate);
      if (!smaller) return tl::unexpected{to_failure(smaller.error())};
      object.content = piv::encode_certificate({*std::move(smaller), true});
    }
    const auto written = write(plan.slot.certificate_tag, object);
    if (written && packed && note_.empty()) note_ = "compressed";
    return as_outcome(written);
  }

  Outcome<void> change(const std::string& id, std::uint8_t reference, const SecretBytes& from,
                       const std::optional<SecretBytes>& to, const std::string& what) {
    if (state_.done.contains(id)) {
      note_ = "set already";
      return {};
    }
    if (!to) return tl::unexpected{Failure{Exit::usage, "the new " + what + " is needed to go on"}};
    return change_reference(id, reference, from, *to, state_, desk_);
  }

  Result<void> management_key(const Step& step) {
    if (state_.done.contains(step.id)) {
      note_ = "set already";
      return {};
    }
    if (!job_.fresh.management_key) return fail(Errc::invalid, "the new management key is needed to go on");
    state_.begun.insert(step.id);
    CARDEA_CHECK(desk_.states.save(state_));
    const auto set = desk_.card.set_management_key(*job_.fresh.management_key);
    if (!set && set.error().code == Errc::unsupported && job_.plan.management_key &&
        job_.plan.management_key->keep_if_unsupported) {
      note_ = "kept: the card cannot change it";
      warnings_.emplace_back("the card cannot change its management key over PIV and keeps the one it has");
      state_.begun.erase(step.id);
      state_.changes.management_key = false;
      return {};
    }
    CARDEA_CHECK(set);
    return desk_.card.authenticate(*job_.fresh.management_key);
  }

  const Job& job_;
  State& state_;
  Desk& desk_;
  bool resumed_;
  std::string note_;
  std::vector<std::string> warnings_;
};

}  // namespace

Failure to_failure(const Error& error) {
  return {error.code == Errc::unavailable ? Exit::interrupted : Exit::refused, error.what};
}

Outcome<std::vector<std::string>> issue(const Job& job, State& state, Desk& desk) {
  if (state.rolled_back)
    return tl::unexpected{Failure{Exit::usage, "this issuance was rolled back; begin a new one"}};
  return Run{job, state, desk}.all();
}

}  // namespace cardea::cms::perso
