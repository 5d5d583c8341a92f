#include "gp_session.h"

#include "cardea/cms/scp/key_file.h"
#include "cardea/hex.h"
#include "channel_options.h"

namespace cardea::cms::cli {

namespace {

Outcome<std::uint8_t> protocol_option(const std::string& text) {
  if (text == "scp02") return std::uint8_t{2};
  if (text == "scp03") return std::uint8_t{3};
  return usage("--protocol is scp02 or scp03");
}

}  // namespace

Outcome<std::uint8_t> octet_option(const std::string& text, const std::string& option) {
  const auto octets = from_hex(text);
  if (!octets || octets->size() != 1) return usage(option + " is one octet in hexadecimal");
  return octets->front();
}

Outcome<gp::Diversification> diversification_option(const std::string& text) {
  if (text == "none") return gp::Diversification::none;
  if (text == "kdf3") return gp::Diversification::kdf3;
  if (text == "visa2") return gp::Diversification::visa2;
  if (text == "emv") return gp::Diversification::emv;
  return usage("a diversification is none, kdf3, visa2 or emv");
}

Outcome<Bytes> aid_option(const Options& options) {
  const auto aid = from_hex(options.gp.aid);
  constexpr std::size_t kLongest = 16;
  if (!aid || aid->size() > kLongest) return usage("--aid is up to 16 octets in hexadecimal");
  return *aid;
}

Outcome<gp::Keyset> domain_keys(const Options& options) {
  if (options.gp.keys_file.empty()) return usage("name the security domain's keys with --keys-file");
  CARDEA_TRY(const auto protocol, protocol_option(options.gp.protocol));
  CARDEA_TRY(const auto scheme, diversification_option(options.gp.diversification));
  CARDEA_TRY(const auto version, octet_option(options.gp.kvn, "--kvn"));
  return or_usage(scp::read_key_file(options.gp.keys_file, key_type(protocol, scheme), version));
}

Outcome<void> in_domain(const Options& options, const std::function<Result<void>(gp::SecureChannel&)>& act) {
  CARDEA_TRY(const auto keys, domain_keys(options));
  CARDEA_TRY(const auto aid, aid_option(options));
  CARDEA_TRY(const auto level, octet_option(options.gp.level, "--level"));
  gp::Options terms;
  CARDEA_TRY(terms.protocol, protocol_option(options.gp.protocol));
  CARDEA_TRY(terms.diversification, diversification_option(options.gp.diversification));
  // SCP02 has no protection of responses here.
  terms.level = static_cast<gp::SecurityLevel>(*terms.protocol == 2 && level == 0x33 ? 0x03 : level);
  CARDEA_TRY(const auto connected, connect(options, options.reader));
  auto& channel = *connected.channel;
  if (const auto begun = channel.begin(); !begun) return tl::unexpected{perso::to_failure(begun.error())};
  const auto whole = [&]() -> Result<void> {
    CARDEA_CHECK(scp::select_domain(channel, aid));
    CARDEA_TRY(auto secure, scp::open_domain(channel, keys, terms));
    return act(secure);
  };
  const auto done = whole();
  channel.end();
  if (!done) return tl::unexpected{perso::to_failure(done.error())};
  return {};
}

}  // namespace cardea::cms::cli
