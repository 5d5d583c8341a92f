#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "cardea/api/http.h"
#include "cardea/audit/checkpoint.h"
#include "cardea/audit/cosignature.h"

namespace cardea::service {

/// A witness on another machine, as the log sees it (C2SP tlog-witness). Not thread-safe.
class RemoteWitness {
 public:
  struct Place {
    api::ServerAddress address;
    std::string prefix;  ///< of the URL's path; empty as a rule
    audit::CosignerKey key;
  };
  struct Cosigned {
    std::string line;        ///< goes below the checkpoint
    std::uint64_t time = 0;  ///< seconds since 1970
  };
  /// It has seen that many leaves. Where it was told just that: the same number with another root.
  struct Seen {
    std::uint64_t size = 0;
  };
  /// What it has seen is not the beginning of this log.
  struct Inconsistent {};
  using Answer = std::variant<Cosigned, Seen, Inconsistent>;

  RemoteWitness(std::unique_ptr<api::HttpConnection> connection, Place place)
      : connection_{std::move(connection)}, place_{std::move(place)} {}

  [[nodiscard]] const audit::CosignerKey& key() const { return place_.key; }

  /// Shows it a signed checkpoint, with the proof that the first `old` leaves are the beginning of it. What
  /// it answers is believed after its signature has been checked. Errors: `unavailable`; `denied` when
  /// it does not know this log, or its certificate is not trusted; `corrupt` for an answer that is none.
  Result<Answer> add(std::uint64_t old, const audit::Proof& proof, const std::string& note);

 private:
  std::unique_ptr<api::HttpConnection> connection_;
  Place place_;
};

}  // namespace cardea::service
