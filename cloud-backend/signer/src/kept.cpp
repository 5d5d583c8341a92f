// Keys that stay unwrapped for the time of a login session, where the tenant has chosen so.

#include <algorithm>

#include "cardea/signer/worker.h"

namespace cardea::signer {

Worker::Permitted Worker::permission(vault::wire::Op op) {
  if (op == vault::wire::Op::ecdh) return Permitted::agreement;
  return op == vault::wire::Op::decrypt_block ? Permitted::decryption : Permitted::usual;
}

std::optional<Ephemeral> Worker::kept(const Request& request, const vault::SealedKey& handle) {
  const auto permitted = permission(request.op);
  const auto at = std::ranges::find_if(
      kept_, [&](const Kept& one) { return one.handle == handle.tag && one.permitted == permitted; });
  if (at == kept_.end()) return std::nullopt;
  at->used = Clock::now();
  kept_.splice(kept_.begin(), kept_, at);
  return Ephemeral::borrowed(session_, at->key.handle());
}

Ephemeral Worker::keep(const Request& request, const vault::SealedKey& handle, Ephemeral key) {
  const auto object = key.handle();
  kept_.push_front(
      {handle.tag, permission(request.op), request.tenant, request.card, std::move(key), Clock::now()});
  if (kept_.size() > kMaxKept) kept_.pop_back();
  return Ephemeral::borrowed(session_, object);
}

void Worker::expire(Clock::time_point now) {
  while (!kept_.empty() && kept_.back().used + kIdle <= now)
    kept_.pop_back();
}

Result<Worker::Reply> Worker::forget(const Request& request) {
  kept_.remove_if([&](const Kept& one) { return one.tenant == request.tenant && one.card == request.card; });
  return Reply{};
}

tl::unexpected<Error> Worker::wrong_result(const Request& request, const char* what) {
  (void)forget(request);
  return fail(Errc::corrupt, what);
}

}  // namespace cardea::signer
