#include "openssl_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "cardea/secret.h"

namespace cardea::signer {

namespace {

// NOLINTBEGIN(cppcoreguidelines-no-malloc): what OpenSSL wants is malloc, realloc and free

std::uint8_t* octets(void* block) {
  return static_cast<std::uint8_t*>(block);
}

void* take(std::size_t size, const char* /*file*/, int /*line*/) {
  return std::malloc(size);
}

void give_back(void* block, const char* /*file*/, int /*line*/) {
  if (block == nullptr) return;
  wipe({octets(block), ::malloc_usable_size(block)});
  std::free(block);
}

/// The C library's own would leave the old content where it was.
void* resize(void* block, std::size_t size, const char* file, int line) {
  if (block == nullptr) return take(size, file, line);
  if (size == 0) {
    give_back(block, file, line);
    return nullptr;
  }
  const auto room = ::malloc_usable_size(block);
  if (size <= room) return block;
  void* const larger = take(size, file, line);
  if (larger == nullptr) return nullptr;
  std::copy_n(octets(block), room, octets(larger));
  give_back(block, file, line);
  return larger;
}

// NOLINTEND(cppcoreguidelines-no-malloc)

}  // namespace

bool wipe_what_openssl_gives_back() {
  return CRYPTO_set_mem_functions(&take, &resize, &give_back) == 1;
}

}  // namespace cardea::signer
