#include "cardea/cms/perso/recycle.h"

#include <algorithm>

#include "cardea/cms/piv/objects.h"
#include "reference_data.h"

namespace cardea::cms::perso {

namespace {

constexpr unsigned kMostTries = 255;  // no card allows more

/// A value that is hardly anybody's, of the form that every card takes for a PIN or a PUK: eight digits.
Result<SecretBytes> wrong_value() {
  constexpr std::size_t kField = 8;
  CARDEA_TRY(const Bytes octets, piv::random_octets(kField));
  SecretBytes out{kField};
  for (std::size_t i = 0; i < kField; ++i)
    out.expose()[i] = static_cast<std::uint8_t>('0' + octets[i] % 10);
  return out;
}

class Recycling {
 public:
  Recycling(const RecycleTerms& terms, piv::Card& card, Progress& progress,
            const std::function<bool()>& interrupted)
      : terms_{terms}, card_{card}, progress_{progress}, interrupted_{interrupted} {}

  Outcome<std::vector<std::string>> all() {
    CARDEA_CHECK(step("select PIV, see what is there", [this] { return look(); }));
    CARDEA_CHECK(can_reset_ ? reset() : overwrite());
    return left_;
  }

 private:
  template <class Act>
  Outcome<void> step(const std::string& title, Act act) {
    if (interrupted_ && interrupted_())
      return tl::unexpected{Failure{Exit::interrupted, "interrupted by request"}};
    ++number_;
    progress_.begin(number_, std::max(number_, count_), title);
    note_.clear();
    Result<void> done = card_.begin();
    if (done) done = act();
    card_.end();
    if (!done) {
      progress_.failed();
      return tl::unexpected{to_failure(done.error())};
    }
    progress_.done(note_);
    return {};
  }

  Result<void> look() {
    CARDEA_TRY(const auto facts, card_.open());
    can_reset_ = facts.version.has_value();
    CARDEA_TRY(const auto chuid, card_.read_object(piv::tag::kChuid));
    const auto guid = chuid ? piv::chuid_guid(*chuid) : std::nullopt;
    if (terms_.guid && guid != terms_.guid)
      return fail(Errc::denied,
                  "the card in the reader is not " + guid_text(*terms_.guid) + "; it was left alone");
    if (can_reset_) {
      count_ = 4;
      return {};
    }
    for (const auto tag : {piv::tag::kKeyHistory, piv::tag::kCcc}) {
      CARDEA_TRY(const auto object, card_.read_object(tag));
      if (object) objects_.push_back(tag);
    }
    for (const auto& slot : piv::all_slots()) {
      CARDEA_TRY(const auto object, card_.read_object(slot.certificate_tag));
      if (object) slots_.push_back(slot);
    }
    // Last: as long as it is there, the card is known to be one that is being recycled.
    if (chuid) objects_.push_back(piv::tag::kChuid);
    count_ = 4 + 2 * slots_.size() + objects_.size();
    return {};
  }

  /// The card takes RESET only when nobody can open it any more.
  Outcome<void> reset() {
    CARDEA_CHECK(step("block the PIN", [this] {
      return block([this](const SecretBytes& wrong) { return card_.verify_pin(wrong); });
    }));
    CARDEA_CHECK(step("block the PUK", [this] {
      return block([this](const SecretBytes& wrong) {
        return card_.change_reference(piv::kPukReference, wrong, wrong);
      });
    }));
    return step("reset", [this] { return card_.reset(); });
  }

  template <class Try>
  static Result<void> block(Try attempt) {
    for (unsigned i = 0; i < kMostTries; ++i) {
      CARDEA_TRY(const auto wrong, wrong_value());
      const auto tried = attempt(wrong);
      if (!tried && tried.error().code != Errc::denied) return tried;
      if (!tried && tried.error().what.find("blocked") != std::string::npos) return {};
    }
    return fail(Errc::invalid, "the card does not block its PIN or PUK, and so cannot be reset");
  }

  Outcome<void> overwrite() {
    CARDEA_CHECK(step("authenticate with the management key", [this] { return authenticate(); }));
    for (const auto& slot : slots_) {
      CARDEA_CHECK(step(piv::name(slot) + " replace the key", [&] { return replace_key(slot); }));
      CARDEA_CHECK(step("delete the " + piv::object_name(slot.certificate_tag),
                        [&] { return card_.write_object(slot.certificate_tag, {}); }));
    }
    for (const auto tag : objects_)
      CARDEA_CHECK(step("delete the " + piv::object_name(tag), [&] { return card_.write_object(tag, {}); }));
    const auto factory = factory_credentials();
    CARDEA_CHECK(step("PUK of the factory",
                      [&] { return back_to(piv::kPukReference, terms_.current.puk, factory.puk); }));
    CARDEA_CHECK(step("PIN of the factory",
                      [&] { return back_to(piv::kPinReference, terms_.current.pin, factory.pin); }));
    left_.emplace_back(
        "the card has no command to delete keys: those under certificates were replaced by new ones, which "
        "nobody can use");
    left_.emplace_back("a key in a slot without certificate would not have been seen");
    return {};
  }

  Result<void> authenticate() {
    auto done = card_.authenticate(terms_.current.management_key);
    if (done || done.error().code != Errc::denied) return done;
    const piv::AdminKey other{piv::AdminAlgorithm::aes192, terms_.current.management_key.value.clone()};
    if (other.value.size() != piv::info(other.algorithm).key_size || !card_.authenticate(other)) return done;
    return {};
  }

  Result<void> replace_key(const piv::Slot& slot) {
    for (const auto algorithm : {piv::KeyAlgorithm::p256, piv::KeyAlgorithm::rsa2048}) {
      const auto made = card_.generate(slot, algorithm, piv::PinPolicy::standard, piv::TouchPolicy::standard);
      if (made) return {};
      if (made.error().code == Errc::unavailable) return tl::unexpected{made.error()};
    }
    left_.push_back("the key in " + piv::name(slot) + " could not be replaced and is still there");
    note_ = "still there";
    return {};
  }

  /// The value may be the factory's already, when this was cut off before.
  Result<void> back_to(std::uint8_t reference, const SecretBytes& from, const SecretBytes& to) {
    auto changed = card_.change_reference(reference, from, to);
    if (!changed && changed.error().code == Errc::invalid) {
      const std::string what = reference == piv::kPukReference ? "PUK" : "PIN";
      left_.push_back("the card does not take the factory's " + what +
                      ", which everybody knows: it keeps the one it has");
      note_ = "kept";
      return {};
    }
    if (changed || changed.error().code != Errc::denied || same_secret(from, to)) return changed;
    if (!card_.change_reference(reference, to, to)) return changed;
    note_ = "there already";
    return {};
  }

  const RecycleTerms& terms_;
  piv::Card& card_;
  Progress& progress_;
  const std::function<bool()>& interrupted_;
  bool can_reset_ = false;
  std::vector<std::uint32_t> objects_;
  std::vector<piv::Slot> slots_;
  std::size_t number_ = 0, count_ = 1;
  std::string note_;
  std::vector<std::string> left_;
};

}  // namespace

Outcome<std::vector<std::string>> recycle(const RecycleTerms& terms, piv::Card& card, Progress& progress,
                                          const std::function<bool()>& interrupted) {
  return Recycling{terms, card, progress, interrupted}.all();
}

}  // namespace cardea::cms::perso
