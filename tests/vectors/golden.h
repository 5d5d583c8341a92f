#pragma once

#include <string>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/hex.h"
#include "key_vault_vectors.h"

namespace cardea::test {

/// The cases of a file of tests/golden.
inline std::vector<Vector> golden(const char* name) {
  return read_vectors(std::string{CARDEA_VECTORS} + "/../golden/" + name);
}

/// A member that the file has in hexadecimal: as octets, and as text.
inline Bytes octets(const Vector& v, const char* name) {
  return from_hex(v.at(name)).value();
}
inline std::string text(const Vector& v, const char* name) {
  const auto from = octets(v, name);
  return {from.begin(), from.end()};
}

}  // namespace cardea::test
