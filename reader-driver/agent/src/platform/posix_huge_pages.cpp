// Argon2id in huge pages. libsodium maps its 64 MiB for each PIN anew, and where the kernel gives huge pages
// on request only (`/sys/kernel/mm/transparent_hugepage/enabled` says `madvise`, as Ubuntu's does) 16,384
// page faults are a third of the time that a PIN takes. It has no setting for its memory; so its call of mmap
// comes here (the program's own function goes before the C library's), and the request is made. glibc's own
// mappings do not pass this place.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

// The sanitizers watch mmap themselves.
#if defined(__linux__) && defined(MADV_HUGEPAGE) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)

namespace {

constexpr std::size_t kWorthIt = std::size_t{8} << 20U;

}  // namespace

extern "C" [[gnu::visibility("default")]] void* mmap(void* address, std::size_t length, int protection,
                                                     int flags, int descriptor, off_t offset) noexcept {
  const bool large = length >= kWorthIt && (flags & MAP_ANONYMOUS) != 0 && (flags & MAP_POPULATE) != 0;
  // To be asked before the first touch.
  const int first = large ? flags & ~MAP_POPULATE : flags;
  const long mapped = ::syscall(SYS_mmap, address, length, protection, first, descriptor, offset);
  auto* const memory = reinterpret_cast<void*>(mapped);  // NOLINT(performance-no-int-to-ptr): it answers so
  if (large && memory != MAP_FAILED) (void)::madvise(memory, length, MADV_HUGEPAGE);
  return memory;
}

#endif
