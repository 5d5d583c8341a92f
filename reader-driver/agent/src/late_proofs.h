#pragma once

#include <filesystem>
#include <string>

#include "cardea/api/proof_keeper.h"

namespace cardea::agent {

/// The proofs of one card that may not have arrived, one file a PIN in the state directory:
/// `late-proof-CARD-80`, 64 octets, mode 0600. Whoever reads it can give its holder a try back, and nothing
/// else.
class LateProofs final : public api::ProofKeeper {
 public:
  /// `card` is the server's id of it; one that is no plain name is kept nowhere.
  LateProofs(std::filesystem::path directory, std::string card);

  Result<void> keep(std::uint8_t reference, const Proof& proof) override;
  void forget(std::uint8_t reference) override;
  [[nodiscard]] std::optional<Proof> kept(std::uint8_t reference) override;

 private:
  [[nodiscard]] std::filesystem::path file(std::uint8_t reference) const;

  std::filesystem::path directory_;
  std::string card_;
};

}  // namespace cardea::agent
