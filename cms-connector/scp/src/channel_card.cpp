#include "cardea/cms/scp/channel_card.h"

#include <array>
#include <optional>

#include "cardea/apdu/tlv.h"

namespace cardea::cms::scp {

namespace {

using piv::PinPolicy;
using piv::Slot;
using piv::TouchPolicy;
namespace sw = apdu::sw;

constexpr std::uint8_t kProprietary = 0x80;  // the class of commands for a secure channel
constexpr std::uint32_t kWhatever = 65536;

/// The elements of a private key (OpenFIPS201), beside Yubico's numbers for them.
struct Element {
  std::uint8_t yubico, openfips;
};
constexpr std::array<Element, 6> kElements{
    {{0x01, 0x83}, {0x02, 0x84}, {0x03, 0x85}, {0x04, 0x86}, {0x05, 0x87}, {0x06, 0x89}}};
constexpr std::uint8_t kSymmetric = 0x80, kModulus = 0x81, kExponent = 0x82, kPoint = 0x88;

class ChannelCard final : public piv::Card {
 public:
  ChannelCard(Channel& channel, gp::Keyset keys, gp::Options options)
      : channel_{channel},
        keys_{std::move(keys)},
        options_{std::move(options)},
        inner_{piv::make_piv_card(channel, [this](const apdu::Command& command) { return send(command); })} {}

  Result<void> begin() override { return inner_->begin(); }
  void end() noexcept override { inner_->end(); }

  /// SELECT ends a channel, so it goes in the clear.
  Result<piv::CardFacts> open() override {
    secure_.reset();
    return inner_->open();
  }
  Result<std::optional<piv::Metadata>> metadata(std::uint8_t reference) override {
    return inner_->metadata(reference);
  }

  Result<void> authenticate(const piv::AdminKey&) override {
    if (secure_ && secure_->is_open()) return {};
    CARDEA_TRY(auto opened, gp::SecureChannel::open(
                                [this](const apdu::Command& command) { return exchange(channel_, command); },
                                keys_, options_));
    secure_.emplace(std::move(opened));
    return {};
  }

  Result<void> set_management_key(const piv::AdminKey& key) override {
    return load(static_cast<std::uint8_t>(key.algorithm), piv::kAdminReference, kSymmetric,
                key.value.expose(), "setting the management key");
  }

  Result<void> verify_pin(const SecretBytes& field) override { return inner_->verify_pin(field); }

  /// The channel is worth more than the old value, which is not shown to anybody.
  Result<void> change_reference(std::uint8_t reference, const SecretBytes&,
                                const SecretBytes& new_field) override {
    apdu::Command command = make(0x24, 0xFF, reference);
    command.data = to_bytes(new_field.expose());
    const WipeOnExit wiper{command.data};
    return plain(command, std::string{"setting the "} + (reference == piv::kPukReference ? "PUK" : "PIN"));
  }

  Result<void> unblock(const SecretBytes& puk_field, const SecretBytes& pin_field) override {
    return inner_->unblock(puk_field, pin_field);
  }
  Result<piv::PublicKey> generate(const Slot& slot, piv::KeyAlgorithm algorithm, PinPolicy pin,
                                  TouchPolicy touch) override {
    return inner_->generate(slot, algorithm, pin, touch);
  }

  Result<void> import_key(const Slot& slot, const piv::PrivateKey& key, PinPolicy, TouchPolicy) override {
    const auto algorithm = static_cast<std::uint8_t>(key.public_key.algorithm);
    const std::string doing = "importing the key of " + piv::name(slot);
    const auto objects = apdu::read_tlvs(key.public_key.encoded);
    if (!objects) return fail(Errc::corrupt, "the public key is malformed");
    // The public part first: the card takes the key once the private one is complete.
    constexpr std::array<std::pair<std::uint32_t, std::uint8_t>, 3> kPublic{
        {{0x81, kModulus}, {0x82, kExponent}, {0x86, kPoint}}};
    for (const auto& [from, to] : kPublic) {
      const auto value = apdu::find(*objects, from);
      if (value) CARDEA_CHECK(load(algorithm, slot.reference, to, *value, doing));
    }
    for (const auto& [tag, value] : key.parts) {
      for (const auto& element : kElements) {
        if (element.yubico == tag)
          CARDEA_CHECK(load(algorithm, slot.reference, element.openfips, value.expose(), doing));
      }
    }
    return {};
  }

  Result<void> move_key(const Slot& from, const Slot& to) override { return inner_->move_key(from, to); }
  Result<void> reset() override { return inner_->reset(); }
  Result<Bytes> sign(const Slot& slot, piv::KeyAlgorithm algorithm, BytesView block) override {
    return inner_->sign(slot, algorithm, block);
  }
  Result<std::optional<Bytes>> read_object(std::uint32_t tag) override { return inner_->read_object(tag); }
  Result<void> write_object(std::uint32_t tag, BytesView content) override {
    return inner_->write_object(tag, content);
  }

 private:
  static apdu::Command make(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2) {
    apdu::Command out;
    out.ins = ins;
    out.p1 = p1;
    out.p2 = p2;
    return out;
  }

  Result<apdu::Response> send(const apdu::Command& command) {
    if (!secure_) return exchange(channel_, command);
    if (!secure_->is_open()) return fail(Errc::unavailable, "the secure channel was broken off");
    apdu::Command wrapped = command;
    const WipeOnExit wiper{wrapped.data};
    wrapped.cla = kProprietary;
    if (wrapped.data.size() > secure_->max_data()) {
      wrapped.extended = true;
      if (wrapped.le) wrapped.le = kWhatever;
    }
    return secure_->send(wrapped);
  }

  Result<void> plain(const apdu::Command& command, const std::string& doing) {
    CARDEA_TRY(const auto answer, send(command));
    if (answer.sw == sw::kOk) return {};
    const auto code = answer.sw.value() == 0x6982                                  ? Errc::denied
                      : answer.sw.value() == 0x6D00 || answer.sw.value() == 0x6A81 ? Errc::unsupported
                                                                                   : Errc::invalid;
    return fail(code, doing + ": the card answers " + apdu::describe(answer.sw));
  }

  /// One element of a key: `24 algorithm reference 30 L {tag value}`.
  Result<void> load(std::uint8_t algorithm, std::uint8_t reference, std::uint8_t tag, BytesView value,
                    const std::string& doing) {
    Bytes element = apdu::make_tlv(tag, value);
    const WipeOnExit wipe_element{element};
    apdu::Command command = make(0x24, algorithm, reference);
    command.data = apdu::make_tlv(0x30, element);
    const WipeOnExit wipe_command{command.data};
    return plain(command, doing);
  }

  Channel& channel_;
  gp::Keyset keys_;
  gp::Options options_;
  std::optional<gp::SecureChannel> secure_;
  std::unique_ptr<piv::Card> inner_;
};

}  // namespace

gp::Options channel_options(const perso::ChannelPlan& plan) {
  gp::Options out;
  out.protocol = plan.protocol;
  out.level = plan.level;
  out.diversification = plan.diversification;
  return out;
}

std::unique_ptr<piv::Card> make_channel_card(Channel& channel, gp::Keyset keys, gp::Options options) {
  return std::make_unique<ChannelCard>(channel, std::move(keys), std::move(options));
}

}  // namespace cardea::cms::scp
