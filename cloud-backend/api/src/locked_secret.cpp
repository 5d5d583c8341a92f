#include "cardea/api/locked_secret.h"

#include <sodium.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "locked_memory.h"
#include "sodium_ready.h"

namespace cardea::api {
namespace {

constexpr std::size_t kSlots = 256;
constexpr std::size_t kChunk = kSlots * LockedSecret::kMost;

/// Slots in locked chunks. Chunks are kept for the life of the process, slots go round.
class Pool {
 public:
  std::uint8_t* take() {
    const std::lock_guard lock{mutex_};
    if (free_.empty() && !grow()) return nullptr;
    auto* const slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void give_back(std::uint8_t* slot) noexcept {
    sodium_memzero(slot, LockedSecret::kMost);
    const std::lock_guard lock{mutex_};
    free_.push_back(slot);  // never reallocates: there was room for all slots when they were made
  }

 private:
  bool grow() {
    sodium_ready();
    auto* const chunk = static_cast<std::uint8_t*>(sodium_malloc(kChunk));
    if (chunk == nullptr) return false;
    // sodium_malloc goes on when it cannot lock; we do not.
    if (!lock_memory({chunk, kChunk})) {
      sodium_free(chunk);
      return false;
    }
    ++chunks_;
    free_.reserve(chunks_ * kSlots);
    for (std::size_t i = 0; i < kSlots; ++i)
      free_.push_back(chunk + i * LockedSecret::kMost);
    return true;
  }

  std::mutex mutex_;
  std::vector<std::uint8_t*> free_;
  std::size_t chunks_ = 0;
};

/// Never destroyed: secrets of static objects may outlive it otherwise.
Pool& pool() {
  static auto* const pool = new Pool;  // NOLINT(cppcoreguidelines-owning-memory): lives for ever
  return *pool;
}

}  // namespace

Result<LockedSecret> LockedSecret::of(BytesView plain) {
  if (plain.size() > kMost) return fail(Errc::invalid, "a locked secret has at most 64 octets");
  LockedSecret out;
  if (plain.empty()) return out;
  out.slot_ = pool().take();
  if (out.slot_ == nullptr)
    return fail(Errc::exhausted, std::string{"this process may lock no more memory ("} + kLockLimit + ")");
  out.size_ = plain.size();
  std::ranges::copy(plain, out.slot_);
  return out;
}

LockedSecret::LockedSecret(LockedSecret&& other) noexcept
    : slot_{std::exchange(other.slot_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

LockedSecret& LockedSecret::operator=(LockedSecret&& other) noexcept {
  if (this != &other) {
    give_back();
    slot_ = std::exchange(other.slot_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

LockedSecret::~LockedSecret() {
  give_back();
}

void LockedSecret::give_back() noexcept {
  if (slot_ != nullptr) pool().give_back(slot_);
  slot_ = nullptr;
  size_ = 0;
}

}  // namespace cardea::api
