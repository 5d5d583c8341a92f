#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <map>
#include <memory>

#include "cardea/apdu/tlv.h"
#include "cardea/cms/piv/card.h"
#include "cardea/cms/piv/commands.h"
#include "cardea/hex.h"

namespace cardea::cms::piv {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key make_key(KeyAlgorithm algorithm) {
  EVP_PKEY* made = nullptr;
  switch (algorithm) {
    case KeyAlgorithm::p256:
      made = EVP_EC_gen("P-256");
      break;
    case KeyAlgorithm::p384:
      made = EVP_EC_gen("P-384");
      break;
    default:
      made = EVP_RSA_gen(static_cast<unsigned>(info(algorithm).size * 8));
      break;
  }
  return {made, &EVP_PKEY_free};
}

Bytes number(EVP_PKEY* key, const char* parameter) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &value) != 1) return {};
  Bytes out(static_cast<std::size_t>(BN_num_bytes(value)));
  BN_bn2bin(value, out.data());
  BN_free(value);
  return out;
}

Bytes encode_public(EVP_PKEY* key, KeyAlgorithm algorithm) {
  if (info(algorithm).rsa) {
    return concat({apdu::make_tlv(0x81, number(key, OSSL_PKEY_PARAM_RSA_N)),
                   apdu::make_tlv(0x82, number(key, OSSL_PKEY_PARAM_RSA_E))});
  }
  Bytes point(1 + 2 * info(algorithm).size);
  std::size_t size = 0;
  EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size);
  return apdu::make_tlv(0x86, point);
}

/// RSA without padding (the caller padded), or ECDSA over the hash as it is.
Bytes raw_sign(EVP_PKEY* key, bool rsa, BytesView block) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context{EVP_PKEY_CTX_new(key, nullptr),
                                                                            &EVP_PKEY_CTX_free};
  Bytes out(1024);
  std::size_t size = out.size();
  EVP_PKEY_sign_init(context.get());
  if (rsa) EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING);
  EVP_PKEY_sign(context.get(), out.data(), &size, block.data(), block.size());
  out.resize(size);
  return out;
}

class DryRunCard final : public Card {
 public:
  DryRunCard(std::ostream& out, std::string channel) : out_{out}, secure_channel_{std::move(channel)} {}

  Result<void> begin() override { return {}; }
  void end() noexcept override {}

  Result<CardFacts> open() override {
    show(command::select(), "SELECT the PIV application");
    show(command::pin_status(), "VERIFY without data: how many PIN tries are left");
    show(command::get_version(), "GET VERSION: does the card know Yubico's commands");
    CardFacts facts;
    facts.pin_tries = 3;
    return facts;
  }

  Result<std::optional<Metadata>> metadata(std::uint8_t reference) override {
    show(command::get_metadata(reference),
         "GET METADATA: what the card tells about reference " + octet(reference));
    return std::optional<Metadata>{};
  }

  Result<void> authenticate(const AdminKey& key) override {
    if (!secure_channel_.empty()) {
      say("80 50 <key version> 00 08 <host challenge>", "INITIALIZE UPDATE: ask the card to prove its keys");
      say("84 82 <level> 00 10 <host cryptogram, MAC>",
          "EXTERNAL AUTHENTICATE: open " + secure_channel_ + "; everything that follows goes through it");
      return {};
    }
    show(command::request_witness(key.algorithm), "GENERAL AUTHENTICATE: ask the card for a witness");
    say("00 87 " + octet(static_cast<std::uint8_t>(key.algorithm)) + " 9B <deciphered witness, challenge>",
        "GENERAL AUTHENTICATE: prove the management key, and have the card prove it");
    return {};
  }

  Result<void> set_management_key(const AdminKey& key) override {
    say("00 FF FF FF <" + std::string{info(key.algorithm).title} + " key>", "SET MANAGEMENT KEY");
    return {};
  }

  Result<void> verify_pin(const SecretBytes&) override {
    say("00 20 00 80 08 <PIN>", "VERIFY: present the PIN, once");
    return {};
  }

  Result<void> change_reference(std::uint8_t reference, const SecretBytes&, const SecretBytes&) override {
    const std::string what = reference == kPukReference ? "PUK" : "PIN";
    say("00 24 00 " + octet(reference) + " 10 <old " + what + "><new " + what + ">",
        "CHANGE REFERENCE DATA: new " + what);
    return {};
  }

  Result<void> unblock(const SecretBytes&, const SecretBytes&) override {
    say("00 2C 00 80 10 <PUK><new PIN>", "RESET RETRY COUNTER: new PIN by the PUK, which is tried once");
    return {};
  }

  Result<void> import_key(const Slot& slot, const PrivateKey& key, PinPolicy, TouchPolicy) override {
    const auto algorithm = key.public_key.algorithm;
    say("00 FE " + octet(static_cast<std::uint8_t>(algorithm)) + " " + name(slot) + " <" +
            std::string{info(algorithm).title} + " key>",
        "IMPORT: the key that was made off the card, into " + name(slot));
    const auto* at = key.encoded.expose().data();
    Key parsed{d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(key.encoded.size())), &EVP_PKEY_free};
    if (parsed == nullptr) return fail(Errc::corrupt, "the key for " + name(slot) + " is not whole");
    keys_.insert_or_assign(slot.reference, std::move(parsed));
    return {};
  }

  Result<void> move_key(const Slot& from, const Slot& to) override {
    show(command::move_key(from, to), "MOVE KEY: from " + name(from) + " to " + name(to));
    return {};
  }

  Result<void> reset() override {
    show(command::reset(), "RESET: everything as it left the factory");
    return {};
  }

  Result<PublicKey> generate(const Slot& slot, KeyAlgorithm algorithm, PinPolicy pin,
                             TouchPolicy touch) override {
    show(command::generate(slot, algorithm, pin, touch),
         "GENERATE ASYMMETRIC KEY PAIR: new " + std::string{info(algorithm).title} + " key in " + name(slot) +
             ", in place of the one there, if any");
    Key key = make_key(algorithm);
    if (key == nullptr) return fail(Errc::unsupported, "OpenSSL cannot make a key of this kind");
    PublicKey out{algorithm, encode_public(key.get(), algorithm)};
    keys_.insert_or_assign(slot.reference, std::move(key));
    return out;
  }

  Result<Bytes> sign(const Slot& slot, KeyAlgorithm algorithm, BytesView block) override {
    show(command::sign(slot, algorithm, block), "GENERAL AUTHENTICATE: sign with " + name(slot));
    const auto key = keys_.find(slot.reference);
    if (key == keys_.end()) return fail(Errc::not_found, "no key in " + name(slot));
    return raw_sign(key->second.get(), info(algorithm).rsa, block);
  }

  Result<std::optional<Bytes>> read_object(std::uint32_t tag) override {
    show(command::get_data(tag), "GET DATA: read the " + object_name(tag));
    const auto object = objects_.find(tag);
    return object == objects_.end() ? std::optional<Bytes>{} : std::optional<Bytes>{object->second};
  }

  Result<void> write_object(std::uint32_t tag, BytesView content) override {
    show(command::put_data(tag, content),
         (content.empty() ? "PUT DATA: delete the " : "PUT DATA: write the ") + object_name(tag));
    objects_.insert_or_assign(tag, to_bytes(content));
    return {};
  }

 private:
  static std::string octet(std::uint8_t value) { return to_hex(Bytes{value}); }

  void show(const apdu::Command& command, const std::string& meaning) {
    constexpr std::size_t kShown = 14;
    const Bytes octets = apdu::encode(command);
    std::string text;
    for (std::size_t i = 0; i < std::min(octets.size(), kShown); ++i)
      text += (i == 0 ? "" : " ") + octet(octets[i]);
    if (octets.size() > kShown) text += " … (" + std::to_string(octets.size()) + " octets)";
    say(text, meaning);
  }

  void say(const std::string& command, const std::string& meaning) {
    out_ << "        " << meaning << "\n          " << command << "\n";
  }

  std::ostream& out_;
  std::string secure_channel_;
  std::map<std::uint32_t, Bytes> objects_;
  std::map<std::uint8_t, Key> keys_;
};

}  // namespace

std::unique_ptr<Card> make_dry_run_card(std::ostream& out, std::string channel) {
  return std::make_unique<DryRunCard>(out, std::move(channel));
}

}  // namespace cardea::cms::piv
