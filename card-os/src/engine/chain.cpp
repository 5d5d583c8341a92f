#include "engine/chain.h"

#include <array>

#include "cardea/secret.h"

namespace cardea::card {

namespace {
constexpr std::uint8_t kChainingBit = 0x10;
}

Chain::Header Chain::header_of(const Command& command) {
  return {static_cast<std::uint8_t>(command.cla & ~kChainingBit), command.ins, command.p1, command.p2};
}

CardResult<void> Chain::add(const Command& part) {
  const auto header = header_of(part);
  if (header_ != header) clear();
  if (part.data.size() > kMaxSize - data_.size()) {
    clear();
    return refuse(sw::kNoMemory);
  }
  // All at once: a buffer that grows leaves copies of key material behind.
  data_.reserve(kMaxSize);
  append(data_, part.data);
  header_ = header;
  return {};
}

CardResult<void> Chain::finish(Command& last) {
  if (header_ != header_of(last)) {
    clear();
    return {};
  }
  if (last.data.size() > kMaxSize - data_.size()) {
    clear();
    return refuse(sw::kNoMemory);
  }
  append(data_, last.data);
  last.data.swap(data_);
  clear();
  return {};
}

void Chain::clear() noexcept {
  wipe(data_);
  data_.clear();
  header_.reset();
}

void Chain::append_state(Bytes& out) const {
  out.push_back(header_ ? 1 : 0);
  if (!header_) return;
  append(out, std::array{header_->cla, header_->ins, header_->p1, header_->p2});
  append_be32(out, static_cast<std::uint32_t>(data_.size()));
  append(out, data_);
}

}  // namespace cardea::card
