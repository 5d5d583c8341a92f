#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "connection.h"

namespace cardea::store {

/// Connections for reading, kept open with their prepared statements. More are opened when all are
/// lent, and closed again afterwards.
class Readers {
 public:
  explicit Readers(std::filesystem::path file) : file_{std::move(file)} { idle_.reserve(kKept); }

  /// A connection for as long as the lease lives.
  class Lease {
   public:
    Lease(Readers& owner, std::unique_ptr<Connection> connection)
        : owner_{owner}, connection_{std::move(connection)} {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    Readers& owner_;
    std::unique_ptr<Connection> connection_;
  };

  /// Throws SQLite::Exception when a new connection is needed and cannot be opened.
  Lease take();

 private:
  void give_back(std::unique_ptr<Connection> connection);

  static constexpr std::size_t kKept = 16;

  std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace cardea::store
