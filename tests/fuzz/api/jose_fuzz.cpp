// Everything that reads a token of a stranger. A header that is accepted names EdDSA, once; no signature is
// made here, so none may be found good.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cardea/api/jose.h"
#include "cardea/api/json.h"

namespace {

using namespace cardea;

const api::VerifyKey& key() {
  static const auto made = api::signing_key_from_seed(SecretBytes{32})->public_key;
  return made;
}

void read_token(std::string_view text) {
  if (const auto header = api::peek_jws_header(text)) {
    const auto document = api::parse_json(*header);
    if (!document || (*document)["alg"] != "EdDSA") std::abort();
  }
  if (api::verify_jws(text, key())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data),
                              size};  // NOLINT(*-reinterpret-cast): octet to char
  read_token(text);
  // As a header, so that the fuzzer need not learn base64 first.
  read_token(api::base64url({data, size}) + ".e30." + std::string(86, 'A'));
  if (const auto octets = api::from_base64url(text)) {
    if (api::base64url(*octets) != text) std::abort();
  }
  if (const auto document = api::parse_json(text)) (void)api::from_jwk(*document);
  return 0;
}
