#pragma once

#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cardea/cms/perso/issue.h"
#include "cardea/cms/piv/card.h"
#include "cardea/hex.h"

namespace cardea::cms::testing {

/// When a planned loss of the card happens.
enum class Loss { before, after };

/// A card with PINs, a management key, objects and software keys, which can be lost at any call: before it
/// takes effect, or after it took effect and before the answer. A call after that works again, as a card that
/// was put back.
class FakeCard final : public piv::Card {
 public:
  FakeCard() : keys_{piv::make_dry_run_card(nowhere_)} {}

  // -- what a test plans and looks at
  void lose_at(unsigned call, Loss when) {
    countdown_ = call;
    when_ = when;
  }
  [[nodiscard]] unsigned calls() const { return calls_; }
  std::string pin = "313233343536FFFF", puk = "3132333435363738";
  std::string key = "03:010203040506070801020304050607080102030405060708";
  bool yubico = true;
  std::uint32_t serial = 7;
  std::array<std::uint8_t, 3> version{5, 4, 3};
  bool always_lost = false;
  bool moves_keys = false;
  std::map<std::uint32_t, Bytes> objects;
  std::map<std::uint8_t, piv::PublicKey> public_keys;
  unsigned pin_tries = 3, puk_tries = 3;
  std::vector<std::string> presented;  ///< "80:31…" for each value that was presented to PIN or PUK

  Result<void> begin() override { return {}; }
  void end() noexcept override {}

  Result<piv::CardFacts> open() override {
    return act<piv::CardFacts>([&]() -> Result<piv::CardFacts> {
      administrator_ = false;
      piv::CardFacts facts;
      facts.pin_tries = pin_tries;
      if (yubico) {
        facts.version = version;
        facts.serial = serial;
      }
      return facts;
    });
  }

  Result<std::optional<piv::Metadata>> metadata(std::uint8_t reference) override {
    return act<std::optional<piv::Metadata>>([&]() -> Result<std::optional<piv::Metadata>> {
      const auto known = public_keys.find(reference);
      if (!yubico || known == public_keys.end()) return std::optional<piv::Metadata>{};
      piv::Metadata out;
      out.public_key = known->second.encoded;
      return std::optional<piv::Metadata>{out};
    });
  }

  Result<void> authenticate(const piv::AdminKey& given) override {
    return act<void>([&]() -> Result<void> {
      administrator_ = text(given) == key;
      if (!administrator_) return fail(Errc::denied, "wrong management key");
      return {};
    });
  }

  Result<void> set_management_key(const piv::AdminKey& fresh) override {
    return act<void>([&]() -> Result<void> {
      if (!yubico) return fail(Errc::unsupported, "no such command");
      if (!administrator_) return fail(Errc::denied, "not authenticated");
      key = text(fresh);
      return {};
    });
  }

  Result<void> verify_pin(const SecretBytes& field) override {
    return act<void>([&] { return present(piv::kPinReference, field, pin, pin_tries); });
  }

  Result<void> change_reference(std::uint8_t reference, const SecretBytes& old_field,
                                const SecretBytes& new_field) override {
    return act<void>([&]() -> Result<void> {
      auto& value = reference == piv::kPinReference ? pin : puk;
      CARDEA_CHECK(
          present(reference, old_field, value, reference == piv::kPinReference ? pin_tries : puk_tries));
      value = to_hex(new_field.expose());
      return {};
    });
  }

  Result<void> unblock(const SecretBytes& puk_field, const SecretBytes& pin_field) override {
    return act<void>([&]() -> Result<void> {
      CARDEA_CHECK(present(piv::kPukReference, puk_field, puk, puk_tries));
      pin = to_hex(pin_field.expose());
      pin_tries = 3;
      return {};
    });
  }

  Result<void> import_key(const piv::Slot& slot, const piv::PrivateKey& given, piv::PinPolicy pin_policy,
                          piv::TouchPolicy touch) override {
    return act<void>([&]() -> Result<void> {
      if (!yubico) return fail(Errc::unsupported, "no such command");
      if (!administrator_) return fail(Errc::denied, "not authenticated");
      public_keys.insert_or_assign(slot.reference, given.public_key);
      return keys_->import_key(slot, given, pin_policy, touch);
    });
  }

  Result<void> move_key(const piv::Slot& from, const piv::Slot& to) override {
    return act<void>([&]() -> Result<void> {
      if (!moves_keys) return fail(Errc::unsupported, "no such command");
      const auto key_there = public_keys.find(from.reference);
      if (key_there == public_keys.end()) return fail(Errc::not_found, "no key");
      public_keys.insert_or_assign(to.reference, key_there->second);
      public_keys.erase(from.reference);
      return {};
    });
  }

  Result<void> reset() override {
    return act<void>([&]() -> Result<void> {
      if (!yubico) return fail(Errc::unsupported, "no such command");
      if (pin_tries != 0 || puk_tries != 0) return fail(Errc::denied, "not blocked");
      pin = "313233343536FFFF";
      puk = "3132333435363738";
      key = "03:010203040506070801020304050607080102030405060708";
      pin_tries = puk_tries = 3;
      objects.clear();
      public_keys.clear();
      return {};
    });
  }

  Result<piv::PublicKey> generate(const piv::Slot& slot, piv::KeyAlgorithm algorithm,
                                  piv::PinPolicy pin_policy, piv::TouchPolicy touch) override {
    return act<piv::PublicKey>([&]() -> Result<piv::PublicKey> {
      if (!administrator_) return fail(Errc::denied, "not authenticated");
      CARDEA_TRY(auto made, keys_->generate(slot, algorithm, pin_policy, touch));
      public_keys.insert_or_assign(slot.reference, made);
      return made;
    });
  }

  Result<Bytes> sign(const piv::Slot& slot, piv::KeyAlgorithm algorithm, BytesView block) override {
    return act<Bytes>([&] { return keys_->sign(slot, algorithm, block); });
  }

  Result<std::optional<Bytes>> read_object(std::uint32_t tag) override {
    return act<std::optional<Bytes>>([&]() -> Result<std::optional<Bytes>> {
      const auto it = objects.find(tag);
      return it == objects.end() ? std::optional<Bytes>{} : std::optional<Bytes>{it->second};
    });
  }

  Result<void> write_object(std::uint32_t tag, BytesView content) override {
    return act<void>([&]() -> Result<void> {
      if (!administrator_) return fail(Errc::denied, "not authenticated");
      if (content.empty()) {
        objects.erase(tag);
      } else {
        objects.insert_or_assign(tag, to_bytes(content));
      }
      return {};
    });
  }

 private:
  static std::string text(const piv::AdminKey& given) {
    return to_hex(Bytes{static_cast<std::uint8_t>(given.algorithm)}) + ":" + to_hex(given.value.expose());
  }

  template <class T, class Act>
  Result<T> act(Act perform) {
    ++calls_;
    const bool lost = always_lost || (countdown_ != 0 && --countdown_ == 0);
    const auto gone = [&]() -> Result<T> {
      administrator_ = false;
      return fail(Errc::unavailable, "the card was removed");
    };
    if (lost && when_ == Loss::before) return gone();
    Result<T> result = perform();
    if (lost) return gone();
    return result;
  }

  Result<void> present(std::uint8_t reference, const SecretBytes& field, const std::string& value,
                       unsigned& tries) {
    const std::string given = to_hex(field.expose());
    presented.push_back(to_hex(Bytes{reference}) + ":" + given);
    if (tries == 0) return fail(Errc::denied, "blocked");
    if (given != value) {
      --tries;
      return fail(Errc::denied, "wrong value");
    }
    tries = 3;
    return {};
  }

  std::ostringstream nowhere_;
  std::unique_ptr<piv::Card> keys_;
  bool administrator_ = false;
  unsigned calls_ = 0, countdown_ = 0;
  Loss when_ = Loss::before;
};

/// Keeps the state as text, as a file would; can refuse.
class MemoryStates final : public perso::StateStore {
 public:
  Result<void> save(const perso::State& state) override {
    if (fail_at != 0 && --fail_at == 0) return fail(Errc::unavailable, "disk full");
    text = perso::to_text(state);
    return {};
  }
  std::string text;
  unsigned fail_at = 0;
};

class NoProgress final : public perso::Progress {
 public:
  void begin(std::size_t, std::size_t, const std::string& title) override { titles.push_back(title); }
  void done(const std::string& note) override { notes.push_back(note); }
  void failed() override {}
  std::vector<std::string> titles, notes;
};

/// Makes certificates, and counts them; fails while told to.
class CountingAuthority final : public ca::Authority {
 public:
  CountingAuthority() : real_{ca::make_dry_run_authority("test", nowhere_)} {}
  Result<Bytes> issue(const ca::Order& order) override {
    if (broken) return fail(Errc::denied, "the CA command ended with exit code 3");
    slots.push_back(order.slot);
    return real_->issue(order);
  }
  Result<void> revoke(BytesView certificate, ca::Reason reason) override {
    if (broken) return fail(Errc::denied, "the CA command ended with exit code 3");
    CARDEA_TRY(const auto about, ca::describe_certificate(certificate));
    revoked.push_back(about.subject + " " + std::string{ca::name(reason)});
    return {};
  }
  bool broken = false;
  std::vector<std::string> slots, revoked;

 private:
  std::ostringstream nowhere_;
  std::unique_ptr<ca::Authority> real_;
};

}  // namespace cardea::cms::testing
