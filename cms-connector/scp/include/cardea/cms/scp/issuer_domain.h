#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cardea/cms/channel.h"
#include "cardea/cms/gp/card_data.h"
#include "cardea/cms/gp/commands.h"
#include "cardea/cms/gp/registry.h"
#include "cardea/cms/gp/secure_channel.h"
#include "cardea/result.h"

namespace cardea::cms::scp {

/// What a card manager tells everybody.
struct DomainFacts {
  Bytes aid;                            ///< out of the answer to SELECT; may be empty
  std::vector<gp::Protocol> protocols;  ///< card data (66)
  std::vector<gp::KeyInfo> keys;        ///< key information (E0)
  Bytes production;                     ///< CPLC (9F7F), without its tag; may be empty
  Bytes issuer, image;                  ///< IIN (42), CIN (45); may be empty
};

/// SELECT of the issuer security domain, by its AID or, where none is given, by the empty name. Errors: those
/// of the channel; `unsupported` when there is none.
Result<Bytes> select_domain(Channel& channel, BytesView aid);

/// Selects it and reads what needs no keys. What the card does not have stays empty. Errors likewise;
/// `corrupt`.
Result<DomainFacts> read_domain(Channel& channel, BytesView aid);

/// A secure channel to the domain that is selected.
Result<gp::SecureChannel> open_domain(Channel& channel, const gp::Keyset& keys, const gp::Options& options);

/// Sends one command through it. Errors: those of the channel; `denied` and `invalid` with the status word.
Result<Bytes> ask(gp::SecureChannel& secure, const apdu::Command& command, const std::string& doing);

}  // namespace cardea::cms::scp
