#include "cardea/cms/gp/secure_channel.h"

#include <openssl/rand.h>

#include <string>
#include <utility>

#include "session.h"

namespace cardea::cms::gp {

namespace {

constexpr std::size_t kKddSize = 10;
constexpr std::size_t kHostChallengeSize = 8;

apdu::Command command(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, Bytes data) {
  apdu::Command out;
  out.cla = cla;
  out.ins = ins;
  out.p1 = p1;
  out.p2 = p2;
  out.data = std::move(data);
  return out;
}

Result<Bytes> random_octets(const Options& options, std::size_t count) {
  if (options.random) return options.random(count);
  Bytes out(count);
  if (RAND_bytes(out.data(), static_cast<int>(count)) != 1)
    return fail(Errc::unavailable, "no random numbers to be had");
  return out;
}

tl::unexpected<Error> refused(const std::string& what, apdu::StatusWord word) {
  return fail(word == apdu::sw::kReferencedDataNotFound ? Errc::not_found : Errc::denied,
              what + ": " + apdu::describe(word));
}

Result<CardAnswer> initialize_update(const Transmit& transmit, const Keyset& keys, BytesView host) {
  // GP Card Specification, E.5.1; Amendment D, 7.1.1.
  auto initialize = command(0x80, 0x50, keys.version, 0x00, to_bytes(host));
  initialize.le = 256;
  CARDEA_TRY(const auto answer, transmit(initialize));
  if (answer.sw == apdu::sw::kReferencedDataNotFound)
    return fail(Errc::not_found, "the card has no key set with version " + std::to_string(keys.version));
  if (answer.sw != apdu::sw::kOk) return refused("the card refuses to begin a secure channel", answer.sw);
  return parse_card_answer(answer.data);
}

Result<void> authenticate(const Transmit& transmit, Session& session, const CardAnswer& card,
                          SecurityLevel level) {
  CARDEA_TRY(const Bytes expected, session.card_cryptogram());
  if (!constant_time_equal(expected, card.cryptogram)) {
    return fail(
        Errc::denied,
        "the card's cryptogram was not made with these keys; no authentication was tried, so that the "
        "card counts no failure");
  }
  CARDEA_TRY(Bytes host, session.host_cryptogram());
  CARDEA_TRY(const auto external, session.authenticate(command(0x80, 0x82, static_cast<std::uint8_t>(level),
                                                               0x00, std::move(host))));
  CARDEA_TRY(const auto answer, transmit(external));
  if (answer.sw == apdu::sw::kVerificationFailed)
    return fail(Errc::denied, "the card does not accept the host's cryptogram (6300)");
  if (answer.sw != apdu::sw::kOk) return refused("the card does not open the secure channel", answer.sw);
  if (!answer.data.empty()) return fail(Errc::corrupt, "the card answers EXTERNAL AUTHENTICATE with data");
  return {};
}

}  // namespace

Result<CardAnswer> parse_card_answer(BytesView data) {
  // KDD (10), key version, SCP; then it depends on the SCP.
  if (data.size() < kKddSize + 2) return fail(Errc::corrupt, "the answer to INITIALIZE UPDATE is too short");
  CardAnswer out;
  out.kdd = to_bytes(data.first(kKddSize));
  out.key_version = data[kKddSize];
  out.protocol = data[kKddSize + 1];
  const auto rest = data.subspan(kKddSize + 2);
  if (out.protocol == 2) {
    if (rest.size() != 16) return fail(Errc::corrupt, "an SCP02 answer to INITIALIZE UPDATE has 28 octets");
    out.sequence = to_bytes(rest.first(2));
    out.challenge = to_bytes(rest.subspan(2, 6));
    out.cryptogram = to_bytes(rest.subspan(8));
    return out;
  }
  if (out.protocol != 3)
    return fail(Errc::unsupported,
                "the card speaks SCP" + std::to_string(out.protocol) + ", not SCP02 or SCP03");
  if (rest.empty()) return fail(Errc::corrupt, "the answer to INITIALIZE UPDATE is too short");
  out.i = rest[0];
  const std::size_t counter = (*out.i & 0x10U) != 0 ? 3 : 0;
  if (rest.size() != 1 + 8 + 8 + counter)
    return fail(Errc::corrupt, "an SCP03 answer to INITIALIZE UPDATE has 29 octets, or 32 with a counter");
  out.challenge = to_bytes(rest.subspan(1, 8));
  out.cryptogram = to_bytes(rest.subspan(9, 8));
  out.sequence = to_bytes(rest.subspan(17));
  return out;
}

SecureChannel::SecureChannel(Transmit transmit, CardAnswer card, std::unique_ptr<Session> session)
    : transmit_{std::move(transmit)}, card_{std::move(card)}, session_{std::move(session)} {}
SecureChannel::SecureChannel(SecureChannel&&) noexcept = default;
SecureChannel& SecureChannel::operator=(SecureChannel&&) noexcept = default;
SecureChannel::~SecureChannel() = default;

Result<SecureChannel> SecureChannel::open(Transmit transmit, const Keyset& keys, const Options& options) {
  CARDEA_CHECK(keys.check());
  CARDEA_TRY(const Bytes host, random_octets(options, kHostChallengeSize));
  if (host.size() != kHostChallengeSize) return fail(Errc::invalid, "a host challenge has 8 octets");
  CARDEA_TRY(auto card, initialize_update(transmit, keys, host));
  if (options.protocol && *options.protocol != card.protocol) {
    return fail(Errc::unsupported, "the card speaks SCP0" + std::to_string(card.protocol) + " where SCP0" +
                                       std::to_string(*options.protocol) + " was asked for");
  }
  if (keys.version != 0 && keys.version != card.key_version)
    return fail(Errc::corrupt, "the card took another key version than was asked for");

  const auto type = card.protocol == 2 ? KeyType::tdes : KeyType::aes;
  CARDEA_TRY(const Keyset own, diversify(keys, card.kdd, options.diversification, type));
  CARDEA_TRY(auto session, card.protocol == 2 ? start_scp02(own, card, host, options)
                                              : start_scp03(own, card, host, options));
  CARDEA_CHECK(authenticate(transmit, *session, card, options.level));
  return SecureChannel{std::move(transmit), std::move(card), std::move(session)};
}

Result<apdu::Response> SecureChannel::send(const apdu::Command& command) {
  CARDEA_TRY(const auto wrapped, wrap(command));
  const auto answer = transmit_(wrapped);
  if (!answer) {
    open_ = false;  // whether the card counted the command is not known, so the next MAC cannot be made
    return tl::unexpected{answer.error()};
  }
  return unwrap(*answer);
}

Result<apdu::Command> SecureChannel::wrap(const apdu::Command& command) {
  if (!is_open()) return fail(Errc::denied, "the secure channel is closed");
  // Of the class byte only the channel (0 to 3) may be set: not secure messaging, not chaining.
  if ((command.cla & 0x7CU) != 0)
    return fail(Errc::invalid, "a command for the secure channel has class 00 to 03 or 80 to 83");
  CARDEA_TRY(auto out, session_->wrap(command));
  awaiting_ = true;
  return out;
}

Result<apdu::Response> SecureChannel::unwrap(const apdu::Response& response) {
  if (!is_open()) return fail(Errc::denied, "the secure channel is closed");
  if (!awaiting_) return fail(Errc::invalid, "an answer without a command");
  awaiting_ = false;
  auto plain = session_->unwrap(response);
  if (!plain) open_ = false;
  return plain;
}

Result<Bytes> SecureChannel::encrypt_sensitive(const SecretBytes& plain) const {
  if (!is_open()) return fail(Errc::denied, "the secure channel is closed");
  return session_->encrypt_sensitive(plain);
}

std::size_t SecureChannel::max_data() const {
  return session_->max_data();
}

}  // namespace cardea::cms::gp
