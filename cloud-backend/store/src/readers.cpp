#include "readers.h"

#include <utility>

namespace cardea::store {

Readers::Lease::~Lease() {
  owner_.give_back(std::move(connection_));
}

Readers::Lease Readers::take() {
  {
    const std::lock_guard lock{mutex_};
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease{*this, std::move(connection)};
    }
  }
  return Lease{*this, std::make_unique<Connection>(file_, Access::read)};
}

void Readers::give_back(std::unique_ptr<Connection> connection) {
  // What could not be rolled back must not be lent again.
  if (connection->in_transaction()) return;
  const std::lock_guard lock{mutex_};
  if (idle_.size() < kKept) idle_.push_back(std::move(connection));
}

}  // namespace cardea::store
