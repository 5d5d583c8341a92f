// What happens to a key between its making and its end: bound to a card, wrapped anew, settled in the token,
// destroyed there.

#include <array>

#include "cardea/signer/worker.h"

namespace cardea::signer {

namespace {

using vault::SealedKey;
using vault::wire::Op;

constexpr std::size_t kIdSize = 16;

// Names the card, so that no handle, however it came about, reaches another card's object.
std::string resident_label(const vault::wire::Request& request) {
  return "cardea-key/" + request.tenant + "/" + request.card;
}

Result<BytesView> id_field(const vault::wire::Request& request) {
  if (request.fields.size() != 1 || request.fields.front().size() != kIdSize) {
    return fail(Errc::invalid, "the id of a resident key has 16 octets");
  }
  return request.fields.front().expose();
}

/// The request without its fields.
vault::wire::Request about_the_same_key(const vault::wire::Request& request, Bytes sealed) {
  vault::wire::Request out;
  out.tenant = request.tenant;
  out.card = request.card;
  out.slot = request.slot;
  out.kek_version = request.kek_version;
  out.algorithm = request.algorithm;
  out.public_key = request.public_key;
  out.sealed = std::move(sealed);
  return out;
}

/// The same symmetric key, asked to encrypt something.
vault::wire::Request block_of(const vault::wire::Request& request, Bytes sealed) {
  auto trial = about_the_same_key(request, std::move(sealed));
  trial.op = Op::encrypt_block;
  SecretBytes input{card::block_size(request.algorithm)};
  input.expose().back() = 0x02;
  trial.fields.push_back(std::move(input));
  return trial;
}

}  // namespace

Result<Worker::Reply> Worker::adopt(const Request& request) {
  auto ahead = about_the_same_key(request, request.sealed);
  ahead.card = vault::kPoolCard;
  ahead.slot = {};
  CARDEA_TRY(auto handle, authentic(ahead));
  handle.card = request.card;
  handle.slot = request.slot;
  Reply reply;
  CARDEA_TRY(reply.sealed, tagged(handle));
  reply.public_key = request.public_key;
  return reply;
}

Result<Worker::Reply> Worker::rewrap(const Request& request) {
  CARDEA_TRY(auto handle, authentic(request));
  Reply reply;
  reply.public_key = request.public_key;
  if (handle.mode == SealedKey::kModeResident) {  // only its tag is of a version
    CARDEA_TRY(const auto* keys, tenant_keys(request.tenant, request.kek_version));
    handle.kek_version = request.kek_version;
    handle.kek_id = keys->kek_id;
    CARDEA_TRY(reply.sealed, tagged(handle));
    return reply;
  }
  {
    CARDEA_TRY(const auto key, unseal(request, Unwrapped::to_rewrap));
    CARDEA_TRY(reply.sealed, seal(request, request.public_key, key, handle.origin));
  }
  // The old form is about to be overwritten: the new one has to do what the old one does.
  if (!card::is_symmetric(request.algorithm)) {
    CARDEA_CHECK(try_out(about_the_same_key(request, reply.sealed)));
    return reply;
  }
  auto trial = block_of(request, reply.sealed);
  CARDEA_TRY(const auto now, encipher(trial));
  trial.sealed = request.sealed;
  CARDEA_TRY(const auto before, encipher(trial));
  if (!constant_time_equal(now.output.expose(), before.output.expose())) {
    return fail(Errc::corrupt, "the HSM wrapped another key than it unwrapped");
  }
  return reply;
}

Result<Worker::Reply> Worker::settle(const Request& request) {
  CARDEA_TRY(const auto id, id_field(request));
  CARDEA_TRY(auto handle, authentic(request));
  if (handle.mode == SealedKey::kModeResident) return fail(Errc::invalid, "the key is resident already");
  CARDEA_TRY(const auto key, unseal(request, Unwrapped::to_keep));

  const auto label = resident_label(request);
  std::array attributes{
      attribute(CKA_TOKEN, kYes), attribute(CKA_PRIVATE, kYes),   attribute(CKA_LABEL, as_bytes(label)),
      attribute(CKA_ID, id),      attribute(CKA_MODIFIABLE, kNo),
  };
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  const auto code = session_.module()->C_CopyObject(session_.handle(), key.handle(), attributes.data(),
                                                    attributes.size(), &object);
  if (code != CKR_OK) return refuse("C_CopyObject for a resident key", code);

  handle.mode = SealedKey::kModeResident;
  handle.wrapped = to_bytes(id);
  Reply reply;
  reply.public_key = request.public_key;
  CARDEA_TRY(reply.sealed, tagged(handle));
  const auto works = card::is_symmetric(request.algorithm)
                         ? encipher(block_of(request, reply.sealed)).map([](const Reply&) {})
                         : try_out(about_the_same_key(request, reply.sealed));
  if (!works) {
    session_.module()->C_DestroyObject(session_.handle(), object);
    return tl::unexpected{works.error()};
  }
  return reply;
}

Result<Worker::Reply> Worker::destroy(const Request& request) {
  CARDEA_TRY(const auto id, id_field(request));
  const auto label = resident_label(request);
  CARDEA_TRY(const auto found, session_.find({attribute(CKA_TOKEN, kYes), attribute(CKA_ID, id),
                                              attribute(CKA_LABEL, as_bytes(label))}));
  for (const auto object : found) {
    if (const auto code = session_.module()->C_DestroyObject(session_.handle(), object); code != CKR_OK) {
      return refuse("C_DestroyObject for a resident key", code);
    }
  }
  return Reply{};
}

Result<CK_OBJECT_HANDLE> Worker::resident(const Request& request, BytesView id) {
  const auto label = resident_label(request);
  CARDEA_TRY(const auto found, session_.find({attribute(CKA_TOKEN, kYes), attribute(CKA_ID, id),
                                              attribute(CKA_LABEL, as_bytes(label))}));
  if (found.size() != 1) return fail(Errc::corrupt, "the HSM no longer holds this key of the card");
  return found.front();
}

}  // namespace cardea::signer
