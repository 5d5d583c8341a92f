#pragma once

#include "cardea/apdu/command.h"
#include "cardea/cms/piv/admin_key.h"
#include "cardea/cms/piv/card.h"
#include "cardea/cms/piv/names.h"
#include "cardea/secret.h"

/// Every command that issuance sends, byte by byte. The real card and the dry run share them.
namespace cardea::cms::piv::command {

/// SELECT with the application's identifier without its version (SP 800-73-4 Part 2, 3.1.1).
apdu::Command select();
/// Yubico: firmware version; serial number; what is known about a key or PIN.
apdu::Command get_version();
apdu::Command get_serial();
apdu::Command get_metadata(std::uint8_t reference);
/// VERIFY without data: how many tries are left.
apdu::Command pin_status();
/// VERIFY; the field is eight octets already padded.
apdu::Command verify(const SecretBytes& pin_field);
/// CHANGE REFERENCE DATA: old field, new field.
apdu::Command change_reference(std::uint8_t reference, const SecretBytes& old_field,
                               const SecretBytes& new_field);
/// RESET RETRY COUNTER: PUK, new PIN.
apdu::Command unblock(const SecretBytes& puk_field, const SecretBytes& pin_field);
/// GENERAL AUTHENTICATE, mutual authentication: asks for the witness, then answers it.
apdu::Command request_witness(AdminAlgorithm algorithm);
apdu::Command answer_witness(AdminAlgorithm algorithm, BytesView data);
/// GENERAL AUTHENTICATE with a private key: the padded block for RSA, the hash for ECDSA.
apdu::Command sign(const Slot& slot, KeyAlgorithm algorithm, BytesView block);
/// GENERATE ASYMMETRIC KEY PAIR. Policies that are `standard` are not sent, so that a card without Yubico's
/// extensions understands the template.
apdu::Command generate(const Slot& slot, KeyAlgorithm algorithm, PinPolicy pin, TouchPolicy touch);
apdu::Command get_data(std::uint32_t tag);
/// PUT DATA; empty content deletes. The discovery object is its own template.
apdu::Command put_data(std::uint32_t tag, BytesView content);
/// Yubico IMPORT; the command carries the key.
apdu::Command import_key(const Slot& slot, const PrivateKey& key, PinPolicy pin, TouchPolicy touch);
/// Yubico MOVE KEY.
apdu::Command move_key(const Slot& from, const Slot& to);
/// Yubico RESET.
apdu::Command reset();
/// Yubico SET MANAGEMENT KEY.
apdu::Command set_management_key(const AdminKey& key);

}  // namespace cardea::cms::piv::command
