#include "output.h"

#include <mutex>
#include <unordered_set>

namespace cardea::winscard {
namespace {

struct Allocated {
  std::mutex mutex;
  std::unordered_set<const void*> all;
};

/// Never destroyed: programs give back when they like.
Allocated& allocated() {
  static auto& made = *new Allocated;  // NOLINT(cppcoreguidelines-owning-memory): lives for ever
  return made;
}

}  // namespace

void* allocate(std::size_t size) {
  void* const memory = ::HeapAlloc(::GetProcessHeap(), 0, std::max<std::size_t>(size, 1));
  if (memory == nullptr) return nullptr;
  const std::lock_guard lock{allocated().mutex};
  allocated().all.insert(memory);
  return memory;
}

bool free_allocated(const void* memory) {
  {
    const std::lock_guard lock{allocated().mutex};
    if (allocated().all.erase(memory) == 0) return false;
  }
  // NOLINTNEXTLINE(*-const-cast): the API's type
  ::HeapFree(::GetProcessHeap(), 0, const_cast<void*>(memory));
  return true;
}

}  // namespace cardea::winscard
