// Keys of cards from an organisation's master keys: made in here, and never seen outside.

#include <algorithm>

#include "cardea/signer/worker.h"
#include "cardea/vault/diversification.h"
#include "diversify.h"

namespace cardea::signer {

namespace {

using vault::wire::Op;
using vault::wire::Request;

struct Asked {
  Request master;  ///< the master key, about to encrypt
  vault::Derivation how;
};

Result<Asked> asked(const Request& request) {
  constexpr std::size_t kParameters = 12;
  const auto refused = fail(Errc::invalid, "the request does not say which key is to be made");
  if (request.fields.size() != 2) return refused;
  const auto parameters = request.fields[0].expose();
  const auto data = request.fields[1].expose();
  Asked out;
  if (parameters.size() != kParameters || data.size() != out.how.data.size()) return refused;
  const auto scheme = parameters[10];
  if (scheme < static_cast<std::uint8_t>(vault::Diversification::kdf3) ||
      scheme > static_cast<std::uint8_t>(vault::Diversification::emv))
    return refused;
  out.master.op = Op::encrypt_block;
  out.master.tenant = request.tenant;
  out.master.card = vault::kMasterCard;
  out.master.algorithm = static_cast<card::Algorithm>(parameters[0]);
  out.master.slot.reference = parameters[1];
  out.master.slot.version = read_be(parameters.subspan(2, 8));
  out.master.sealed = request.sealed;
  out.how.scheme = static_cast<vault::Diversification>(scheme);
  out.how.identifier = parameters[11];
  std::ranges::copy(data, out.how.data.begin());
  if (!vault::makes(out.how.scheme, out.master.algorithm, request.algorithm))
    return fail(Errc::invalid, "this master key does not make keys of that kind");
  return out;
}

}  // namespace

Result<Worker::Reply> Worker::derive_symmetric(const Request& request) {
  if (request.card == vault::kMasterCard) return fail(Errc::invalid, "a master key is made of no other");
  CARDEA_TRY(const auto question, asked(request));
  SecretBytes value;
  {
    CARDEA_TRY(const auto master, unseal(question.master));
    const auto encrypt_blocks = [&](BytesView blocks) {
      return encrypt(master, question.master.algorithm, blocks);
    };
    CARDEA_TRY(value, diversify(question.how, question.master.algorithm, request.algorithm, encrypt_blocks));
  }
  CARDEA_TRY(const auto key, create_symmetric(request.algorithm, std::as_const(value).expose()));
  // Whoever has the master keys has this one too: it did not come into being here alone.
  return sealed_symmetric(request, key, vault::KeyMaking::imported);
}

// GlobalPlatform Card Specification 2.3.1, B.5: a block of zeroes; Amendment D, 4.1.4: a block of ones.
Result<Worker::Reply> Worker::check_value(const Request& request) {
  if (!card::is_symmetric(request.algorithm)) return fail(Errc::invalid, "the key is not a symmetric key");
  const bool des = request.algorithm == card::Algorithm::tdes;
  const Bytes block(card::block_size(request.algorithm), des ? std::uint8_t{0x00} : std::uint8_t{0x01});
  CARDEA_TRY(const auto key, unseal(request));
  CARDEA_TRY(const auto encrypted, encrypt(key, request.algorithm, block));
  Reply reply;
  reply.output = SecretBytes{encrypted.expose().first(vault::kCheckValueSize)};
  return reply;
}

}  // namespace cardea::signer
