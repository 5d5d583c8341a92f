#include "cardea/apdu/tlv.h"
#include "cardea/hex.h"
#include "engine/error_map.h"
#include "piv/piv.h"
#include "piv/public_key.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

constexpr auto kExponent = "010001"_hex;  // the only one that SP 800-78-4 allows to ask for by name

struct Request {
  Algorithm algorithm = Algorithm::rsa2048;
  Policies policies;
};

/// `AC L {80 01 alg [81 L exponent] [AA 01 pin] [AB 01 touch]}`; the last two are Yubico's.
CardResult<Request> parse(const Command& command, bool yubico) {
  const auto outer = apdu::read_tlv(command.data);
  if (!outer || outer->tag != 0xAC || outer->whole.size() != command.data.size())
    return refuse(sw::kWrongData);
  const auto objects = apdu::read_tlvs(outer->value);
  if (!objects) return refuse(sw::kWrongData);
  for (const auto& object : *objects) {
    const bool standard = object.tag == 0x80 || object.tag == 0x81;
    const bool policy = object.tag == 0xAA || object.tag == 0xAB;
    if (!standard && !(policy && yubico)) return refuse(sw::kWrongData);
  }

  const auto id = apdu::find(*objects, 0x80);
  if (!id || id->size() != 1) return refuse(sw::kWrongData);
  const auto algorithm = algorithm_for(command.p2, id->front());
  if (!algorithm || is_symmetric(*algorithm) || (is_25519(*algorithm) && !yubico))
    return refuse(sw::kWrongData);
  const auto exponent = apdu::find(*objects, 0x81);
  if (exponent && !(is_rsa(*algorithm) && equal(*exponent, kExponent))) return refuse(sw::kWrongData);

  CARDEA_TRY(const auto policies, read_policies(*objects, command.p2));
  return Request{*algorithm, policies};
}

}  // namespace

// SP 800-73-4 Part 2, 3.3.2 GENERATE ASYMMETRIC KEY PAIR. Replaces the key and leaves the certificate alone.
// The public key is the result of a key operation: it is withheld when the event cannot be recorded.
CardResult<Reply> Piv::generate(const Command& command) {
  CARDEA_TRY(const auto request, parse(command, profile_.yubico));
  if (!ports_.keys.supports(request.algorithm)) return refuse(sw::kWrongData);
  CARDEA_TRY(const auto old, load_key(command.p2));
  CARDEA_TRY(const auto slot, next_slot(command.p2, old, request.policies.pin));

  CARDEA_TRY(auto handle, lift(ports_.keys.generate(slot, request.algorithm)));
  const KeyRecord fresh{std::move(handle), KeyOrigin::generated, request.policies.pin, request.policies.touch,
                        false};
  CARDEA_CHECK(replace_key(fresh, old));
  return Reply{apdu::make_tlv(0x7F49, public_key_objects(fresh.handle.public_key))};
}

}  // namespace cardea::card::piv
