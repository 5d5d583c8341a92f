#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cardea/bytes.h"

namespace cardea::store {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// A tenant. Ids are random UUIDs in text form throughout.
struct Organisation {
  std::string id;
  std::string name;  ///< unique
  Time created_at;
  Bytes escrow_key{};  ///< X25519, 32 octets, or empty: who opens the escrow copies of cards made from now on
};

struct Person {
  std::string id;
  std::string organisation;
  std::string name;
  std::string email;  ///< may be empty; unique in the organisation otherwise
  Time created_at;
};

enum class CardState : std::uint8_t { active = 1, blocked = 2 };

/// How far a registration authority has come with a card. Numbers are stored: never change them.
enum class Issuance : std::uint8_t {
  none = 0,     ///< in use, or made in another way
  blank = 1,    ///< in its factory state, nobody's
  issuing = 2,  ///< something was written: half-made until it is finished
  issued = 3,   ///< whole; its holder is not enrolled yet
};

/// By which request a blank card was asked for: the same request gets the same card.
struct BlankRequest {
  std::string device;
  std::string key;  ///< the device's name for the request, 1 to 64 octets
  Time at;

  friend bool operator==(const BlankRequest&, const BlankRequest&) = default;
};

/// What certificates call a person: "email", "uid", "upn". Unique in the organisation.
struct PersonIdentifier {
  std::string kind;
  std::string value;

  friend bool operator==(const PersonIdentifier&, const PersonIdentifier&) = default;
};

struct CardRow {
  std::string id;
  std::string organisation;
  std::optional<std::string> holder;  ///< person
  std::string profile;
  std::string label;
  std::uint32_t serial = 0;  ///< unique
  CardState state = CardState::active;
  Time created_at;
  Bytes public_key{};  ///< of the card's secret, X25519, 32 octets; empty: the card has none
  Issuance issuance = Issuance::none;
  std::optional<BlankRequest> asked{};  ///< where it began as a blank card
};

/// A card's secret as one holder can open it: "pin", "puk", "issuance", "escrow" (api/card_secret.h).
struct SecretCopy {
  std::string holder;
  Bytes copy;

  friend bool operator==(const SecretCopy&, const SecretCopy&) = default;
};

/// A secret in the place of the one that a card has, with copies for those who hold it from the beginning.
struct NewSecret {
  Bytes public_key;
  std::vector<SecretCopy> copies;
};

enum class DeviceRole : std::uint8_t {
  user = 1,      ///< opens the cards of its person
  registrar = 2  ///< opens every card of its organisation: the RA workstation
};

struct Device {
  std::string id;  ///< thumbprint of the public key (RFC 7638)
  std::string organisation;
  std::optional<std::string> person;
  DeviceRole role = DeviceRole::user;
  std::string name;
  Bytes public_key;  ///< Ed25519, 32 octets
  Time created_at;
  std::optional<Time> revoked_at;
};

/// A one-time enrolment code; only its SHA-256 is kept.
struct EnrolmentCode {
  Bytes hash;
  std::string organisation;
  std::optional<std::string> person;
  DeviceRole role = DeviceRole::user;
  Time created_at;
  Time expires_at;
};

/// What a holder left behind for the day the PIN is forgotten: three copies of the card's secret, each of
/// which two answers open (cardea/api/recovery.h).
struct RecoveryAnswers {
  Bytes nonce;                           ///< of the function's key, 16 octets
  Bytes ksf;                             ///< stretching, 9 octets
  std::array<Bytes, 3> copies;           ///< of answers 0 and 1, 0 and 2, 1 and 2
  std::array<std::string, 3> questions;  ///< as the holder is asked
  Time created_at;
};

/// A printed code: its name, and the copy of the card's secret that it opens.
struct RecoveryCode {
  Bytes name;  ///< 32 octets, no secret
  Bytes copy;
};

/// Permission to try, for a short while; only its SHA-256 is kept.
struct RecoveryLink {
  Bytes hash;
  std::string card;
  std::string actor;  ///< who asked for it
  Time created_at;
  Time expires_at;
  unsigned attempts = 0;         ///< left
  std::optional<Time> ended_at;  ///< used, or taken back
  bool assisted = false;         ///< a registrar or an administrator stands behind it
};

/// One line of the audit log.
struct AuditRow {
  std::uint64_t number = 0;  ///< grows by one a line, without gaps
  Time at;
  std::string organisation;  ///< empty where none is concerned
  std::optional<std::string> card;
  std::string actor;   ///< "device:<id>", "administrator", "server"
  std::string action;  ///< "pin.try", "key.use", "card.create" …
  bool success = true;
  std::string detail;  ///< JSON object, nothing secret in it
};

}  // namespace cardea::store
