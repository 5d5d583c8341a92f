#include "provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <array>

namespace cardea::signer {

namespace {

constexpr const char* kName = "cardea-without-decoders";

// The real default provider, in a library context of its own. Ours lends its algorithms to the context that
// everybody uses.
OSSL_PROVIDER* real = nullptr;

// The type of OSSL_FUNC_provider_query_operation_fn.
const OSSL_ALGORITHM* query(void* /*context*/, int operation, int* no_store) {
  if (operation == OSSL_OP_DECODER || operation == OSSL_OP_ENCODER) return nullptr;
  return OSSL_PROVIDER_query_operation(real, operation, no_store);
}

const OSSL_PARAM* gettable(void* /*context*/) {
  return OSSL_PROVIDER_gettable_params(real);
}

int get(void* /*context*/, OSSL_PARAM* parameters) {
  return OSSL_PROVIDER_get_params(real, parameters);
}

using Function = void (*)();

const std::array<OSSL_DISPATCH, 4> kDispatch{{
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<Function>(&query)},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, reinterpret_cast<Function>(&gettable)},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, reinterpret_cast<Function>(&get)},
    {0, nullptr},
}};

int init(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*from_core*/, const OSSL_DISPATCH** out,
         void** context) {
  *out = kDispatch.data();
  *context = OSSL_PROVIDER_get0_provider_ctx(real);
  return 1;
}

}  // namespace

Result<void> use_plain_key_parsers() {
  auto* apart = OSSL_LIB_CTX_new();
  if (apart == nullptr) return fail(Errc::unsupported, "OpenSSL gives no second library context");
  real = OSSL_PROVIDER_load(apart, "default");
  if (real == nullptr || OSSL_PROVIDER_add_builtin(nullptr, kName, &init) != 1 ||
      OSSL_PROVIDER_load(nullptr, kName) == nullptr) {
    OSSL_PROVIDER_unload(real);
    real = nullptr;
    OSSL_LIB_CTX_free(apart);
    return fail(Errc::unsupported, "OpenSSL does not take the provider");
  }
  return {};  // both stay for as long as the process does
}

}  // namespace cardea::signer
