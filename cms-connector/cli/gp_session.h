#pragma once

#include <functional>

#include "card_connection.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/cms/scp/issuer_domain.h"

namespace cardea::cms::cli {

/// One octet in hexadecimal.
Outcome<std::uint8_t> octet_option(const std::string& text, const std::string& option);
Outcome<gp::Diversification> diversification_option(const std::string& text);
/// The AID that --aid names; empty for the card manager.
Outcome<Bytes> aid_option(const Options& options);

/// The keys in --keys-file.
Outcome<gp::Keyset> domain_keys(const Options& options);

/// Connects, selects the security domain, opens the channel and does one thing in it.
Outcome<void> in_domain(const Options& options, const std::function<Result<void>(gp::SecureChannel&)>& act);

}  // namespace cardea::cms::cli
