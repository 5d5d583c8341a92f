#pragma once

#include "cardea/bytes.h"
#include "cardea/cms/piv/names.h"
#include "cardea/result.h"
#include "cardea/secret.h"

namespace cardea::cms::piv {

/// The card management key (9B).
struct AdminKey {
  AdminAlgorithm algorithm = AdminAlgorithm::tdes;
  SecretBytes value;
  [[nodiscard]] AdminKey clone() const { return {algorithm, value.clone()}; }
};

/// The value every card leaves the factory with: 3DES, 01..08 three times.
AdminKey factory_admin_key();

/// The host's half of mutual authentication (SP 800-73-4 Part 2, 3.2.4 and Appendix A.1).
struct MutualReply {
  Bytes data;      ///< 7C { 80 witness, 81 challenge }
  Bytes expected;  ///< what the card must answer: the challenge, enciphered
};

/// `encrypted_witness` is what the card sent. Errors: `corrupt` when it is not one block of the algorithm.
Result<MutualReply> answer_witness(const AdminKey& key, BytesView encrypted_witness, BytesView challenge);

/// Random octets for challenges and identifiers. Errors: `unavailable` when the system has none.
Result<Bytes> random_octets(std::size_t count);

}  // namespace cardea::cms::piv
