#include "late_proofs.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "cardea/hex.h"
#include "platform/files.h"

namespace cardea::agent {
namespace {

constexpr std::size_t kMaxName = 64;

/// It becomes part of a file's name.
bool plain(const std::string& card) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  return !card.empty() && card.size() <= kMaxName && card.find_first_not_of(kLetters) == std::string::npos;
}

}  // namespace

LateProofs::LateProofs(std::filesystem::path directory, std::string card)
    : directory_{std::move(directory)}, card_{std::move(card)} {
  if (!plain(card_)) directory_.clear();
}

std::filesystem::path LateProofs::file(std::uint8_t reference) const {
  const std::array<std::uint8_t, 1> octet{reference};
  return directory_ / ("late-proof-" + card_ + "-" + to_hex(octet));
}

Result<void> LateProofs::keep(std::uint8_t reference, const Proof& proof) {
  if (directory_.empty()) return fail(Errc::unavailable, "there is no place to keep a proof");
  return replace_file(file(reference), proof);
}

/// One that comes back after a power cut is shown once more, and worthless.
void LateProofs::forget(std::uint8_t reference) {
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove(file(reference), ignored);
}

std::optional<api::ProofKeeper::Proof> LateProofs::kept(std::uint8_t reference) {
  if (directory_.empty()) return std::nullopt;
  const auto path = file(reference);
  std::error_code error;
  if (std::filesystem::file_size(path, error) != std::tuple_size_v<Proof> || error) return std::nullopt;
  std::ifstream in{path, std::ios::binary};
  Proof proof{};
  for (auto& octet : proof) {
    const int next = in.get();
    if (next == std::ifstream::traits_type::eof()) return std::nullopt;
    octet = static_cast<std::uint8_t>(next);
  }
  return proof;
}

}  // namespace cardea::agent
