#include <algorithm>

#include "cardea/apdu/tlv.h"
#include "cardea/cms/piv/card.h"
#include "cardea/cms/piv/commands.h"
#include "cardea/secret.h"

namespace cardea::cms::piv {

namespace {

using apdu::Response;
using apdu::StatusWord;
namespace sw = apdu::sw;

/// A status word as an error; `doing` begins the sentence.
Error refused(StatusWord word, const std::string& doing) {
  const std::string said = doing + ": the card answers " + apdu::describe(word);
  switch (word.value()) {
    case 0x6982:
    case 0x6983:
    case 0x6985:
      return {Errc::denied, said};
    case 0x6A82:
    case 0x6A88:
      return {Errc::not_found, said};
    case 0x6A84:
      return {Errc::exhausted, said};
    case 0x6D00:
    case 0x6E00:
    case 0x6A81:
      return {Errc::unsupported, said};
    default:
      return {Errc::invalid, said};
  }
}

/// 63CX and 6983 of VERIFY and CHANGE REFERENCE DATA.
Error refused_reference(StatusWord word, std::uint8_t reference) {
  const std::string what = reference == kPukReference ? "PUK" : "PIN";
  if (word == sw::kAuthBlocked) {
    return {Errc::denied, "the " + what + " of the card is blocked" +
                              (reference == kPukReference ? "" : "; unblock it with the PUK first")};
  }
  if ((word.value() & 0xFFF0U) == 0x63C0U) {
    const unsigned left = word.value() & 0xFU;
    return {Errc::denied, "wrong " + what + ", " + std::to_string(left) + (left == 1 ? " try" : " tries") +
                              " left; it was tried once and will not be tried again"};
  }
  return refused(word, "presenting the " + what);
}

class PivCard final : public Card {
 public:
  PivCard(Channel& channel, Exchange exchange) : channel_{channel}, exchange_{std::move(exchange)} {}

  Result<void> begin() override { return channel_.begin(); }
  void end() noexcept override { channel_.end(); }

  Result<CardFacts> open() override {
    CARDEA_TRY(const auto selected, exchange_(command::select()));
    if (selected.sw == sw::kNotFound) return fail(Errc::unsupported, "this card has no PIV application");
    if (selected.sw != sw::kOk) return tl::unexpected{refused(selected.sw, "selecting PIV")};

    CardFacts facts;
    CARDEA_TRY(const auto tries, exchange_(command::pin_status()));
    if ((tries.sw.value() & 0xFFF0U) == 0x63C0U) facts.pin_tries = tries.sw.value() & 0xFU;
    if (tries.sw == sw::kAuthBlocked) facts.pin_tries = 0;
    CARDEA_TRY(const auto version, exchange_(command::get_version()));
    if (version.sw == sw::kOk && version.data.size() == 3) {
      facts.version = std::array<std::uint8_t, 3>{version.data[0], version.data[1], version.data[2]};
      CARDEA_TRY(const auto serial, exchange_(command::get_serial()));
      if (serial.sw == sw::kOk && serial.data.size() == 4)
        facts.serial = static_cast<std::uint32_t>(read_be(serial.data));
    }
    return facts;
  }

  Result<std::optional<Metadata>> metadata(std::uint8_t reference) override {
    CARDEA_TRY(const auto answer, exchange_(command::get_metadata(reference)));
    if (answer.sw != sw::kOk) return std::optional<Metadata>{};
    const auto objects = apdu::read_tlvs(answer.data);
    if (!objects) return fail(Errc::corrupt, "the card's metadata is malformed");
    Metadata out;
    if (const auto algorithm = apdu::find(*objects, 0x01); algorithm && algorithm->size() == 1)
      out.algorithm = algorithm->front();
    if (const auto factory = apdu::find(*objects, 0x05); factory && factory->size() == 1)
      out.factory_value = factory->front() != 0;
    if (const auto key = apdu::find(*objects, 0x04)) out.public_key = to_bytes(*key);
    return std::optional<Metadata>{std::move(out)};
  }

  // The card and the host prove to each other that they know the key (SP 800-73-4 Part 2, A.1).
  Result<void> authenticate(const AdminKey& key) override {
    CARDEA_TRY(const auto asked, exchange_(command::request_witness(key.algorithm)));
    if (asked.sw != sw::kOk) {
      return fail(Errc::denied, "the card does not take " + std::string{info(key.algorithm).title} +
                                    " for its management key (" + apdu::describe(asked.sw) + ")");
    }
    CARDEA_TRY(const Bytes witness, inner(asked, 0x80));
    CARDEA_TRY(const Bytes challenge, random_octets(info(key.algorithm).block_size));
    CARDEA_TRY(const auto reply, answer_witness(key, witness, challenge));
    CARDEA_TRY(const auto proven, exchange_(command::answer_witness(key.algorithm, reply.data)));
    if (proven.sw != sw::kOk) {
      return fail(Errc::denied, "wrong management key: the card answers " + apdu::describe(proven.sw));
    }
    CARDEA_TRY(const Bytes response, inner(proven, 0x82));
    if (!equal(response, reply.expected))
      return fail(Errc::denied, "the card does not know its management key: not a genuine card");
    return {};
  }

  Result<void> set_management_key(const AdminKey& key) override {
    return plain(command::set_management_key(key), "setting the management key");
  }

  Result<void> verify_pin(const SecretBytes& field) override {
    CARDEA_TRY(const auto answer, send_secret(command::verify(field)));
    if (answer.sw != sw::kOk) return tl::unexpected{refused_reference(answer.sw, kPinReference)};
    return {};
  }

  Result<void> change_reference(std::uint8_t reference, const SecretBytes& old_field,
                                const SecretBytes& new_field) override {
    CARDEA_TRY(const auto answer, send_secret(command::change_reference(reference, old_field, new_field)));
    if (answer.sw != sw::kOk) return tl::unexpected{refused_reference(answer.sw, reference)};
    return {};
  }

  Result<void> unblock(const SecretBytes& puk_field, const SecretBytes& pin_field) override {
    CARDEA_TRY(const auto answer, send_secret(command::unblock(puk_field, pin_field)));
    if (answer.sw != sw::kOk) return tl::unexpected{refused_reference(answer.sw, kPukReference)};
    return {};
  }

  Result<void> import_key(const Slot& slot, const PrivateKey& key, PinPolicy pin,
                          TouchPolicy touch) override {
    return plain(command::import_key(slot, key, pin, touch), "importing the key of " + name(slot));
  }

  Result<void> move_key(const Slot& from, const Slot& to) override {
    return plain(command::move_key(from, to), "moving the key of " + name(from) + " to " + name(to));
  }

  Result<void> reset() override { return plain(command::reset(), "resetting the card"); }

  Result<PublicKey> generate(const Slot& slot, KeyAlgorithm algorithm, PinPolicy pin,
                             TouchPolicy touch) override {
    CARDEA_TRY(const auto answer, exchange_(command::generate(slot, algorithm, pin, touch)));
    if (answer.sw != sw::kOk)
      return tl::unexpected{refused(answer.sw, "generating the key of " + name(slot))};
    const auto outer = apdu::read_tlv(answer.data);
    if (!outer || outer->tag != 0x7F49) return fail(Errc::corrupt, "the card's public key is malformed");
    return PublicKey{algorithm, to_bytes(outer->value)};
  }

  Result<Bytes> sign(const Slot& slot, KeyAlgorithm algorithm, BytesView block) override {
    CARDEA_TRY(const auto answer, exchange_(command::sign(slot, algorithm, block)));
    if (answer.sw != sw::kOk) return tl::unexpected{refused(answer.sw, "signing with " + name(slot))};
    return inner(answer, 0x82);
  }

  Result<std::optional<Bytes>> read_object(std::uint32_t tag) override {
    CARDEA_TRY(const auto answer, exchange_(command::get_data(tag)));
    if (answer.sw == sw::kNotFound) return std::optional<Bytes>{};
    if (answer.sw != sw::kOk) return tl::unexpected{refused(answer.sw, "reading the " + object_name(tag))};
    if (tag == tag::kDiscovery) return std::optional<Bytes>{answer.data};
    const auto outer = apdu::read_tlv(answer.data);
    if (!outer || outer->tag != 0x53)
      return fail(Errc::corrupt, "the " + object_name(tag) + " on the card is malformed");
    if (outer->value.empty()) return std::optional<Bytes>{};
    return std::optional<Bytes>{to_bytes(outer->value)};
  }

  Result<void> write_object(std::uint32_t tag, BytesView content) override {
    return plain(command::put_data(tag, content),
                 (content.empty() ? "deleting the " : "writing the ") + object_name(tag));
  }

 private:
  /// The command's own copy of the secret is wiped as well.
  Result<Response> send_secret(apdu::Command secret) {
    const WipeOnExit wiper{secret.data};
    return exchange_(secret);
  }

  Result<void> plain(apdu::Command what, const std::string& doing) {
    CARDEA_TRY(const auto answer, send_secret(std::move(what)));
    if (answer.sw != sw::kOk) return tl::unexpected{refused(answer.sw, doing)};
    return {};
  }

  /// An object inside the dynamic authentication template 7C.
  static Result<Bytes> inner(const Response& response, std::uint32_t tag) {
    if (const auto outer = apdu::read_tlv(response.data); outer && outer->tag == 0x7C) {
      if (const auto objects = apdu::read_tlvs(outer->value)) {
        if (const auto value = apdu::find(*objects, tag)) return to_bytes(*value);
      }
    }
    return fail(Errc::corrupt, "the card's answer to GENERAL AUTHENTICATE is malformed");
  }

  Channel& channel_;
  Exchange exchange_;
};

}  // namespace

std::unique_ptr<Card> make_piv_card(Channel& channel) {
  return make_piv_card(channel,
                       [&channel](const apdu::Command& command) { return exchange(channel, command); });
}

std::unique_ptr<Card> make_piv_card(Channel& channel, Exchange exchange) {
  return std::make_unique<PivCard>(channel, std::move(exchange));
}

Result<SecretBytes> pin_field(BytesView pin) {
  constexpr std::size_t kField = 8;
  if (pin.empty() || pin.size() > kField) return fail(Errc::invalid, "a PIN or PUK has 1 to 8 characters");
  SecretBytes out{kField};
  const auto field = out.expose();
  std::fill(field.begin(), field.end(), std::uint8_t{0xFF});
  std::copy(pin.begin(), pin.end(), field.begin());
  return out;
}

}  // namespace cardea::cms::piv
