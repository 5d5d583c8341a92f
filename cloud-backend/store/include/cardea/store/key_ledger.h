#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cardea/card/ports/key_vault.h"
#include "cardea/result.h"
#include "cardea/store/rows.h"

namespace cardea::store {

/// Where the keys of an organisation's cards live. Stored numbers.
enum class KeyMode : std::uint8_t { wrapped = 1, resident = 2 };

/// A key that was made ahead.
struct SpareKeyRow {
  std::uint64_t number = 0;  ///< chosen by the ledger
  std::string organisation;
  card::PublicKey public_key;  ///< with the algorithm
  Bytes sealed;
  Time made_at;
};

struct SpareCount {
  std::string organisation;
  card::Algorithm algorithm = card::Algorithm::rsa2048;
  std::size_t count = 0;
};

/// A version of an organisation's keys after the first.
struct KekVersionRow {
  std::string organisation;
  std::uint32_t version = 2;
  Time made_at;
  std::uint64_t cursor = 0;     ///< number of the last card whose keys it has
  std::uint64_t rewrapped = 0;  ///< keys so far
  std::optional<Time> finished_at;
  std::optional<Time> retired_at;  ///< when the versions before this one were retired
};

/// A key record of a card, as the card keeps it.
struct KeyRecordRow {
  std::uint64_t card_number = 0;
  std::string card;
  std::uint32_t id = 0;  ///< within card::RecordSpace::key
  Bytes value;
};

struct ResidentKeyRow {
  std::array<std::uint8_t, 16> id{};
  std::string organisation;
  std::string card;
  card::KeySlot slot;
  Time made_at;
};

/// How many resident keys there may be.
struct ResidentCaps {
  std::size_t all = 0;           ///< in the HSM
  std::size_t organisation = 0;  ///< of an organisation that has no cap of its own
};

struct ResidentUse {
  std::string organisation;
  std::size_t keys = 0;
  std::optional<std::size_t> cap;  ///< its own
};

/// A resident key's row, and what its card has in the place that it was made for.
struct ResidentKeyState {
  ResidentKeyRow row;
  std::optional<Bytes> record;  ///< as the card keeps it
};

/// Master keys for the GlobalPlatform keys of an organisation's cards, and how those are made and used.
struct CardKeysRow {
  std::string organisation;
  std::uint64_t number = 0;                             ///< tells the organisation's sets apart, from 1 on
  std::uint8_t key_version = 1;                         ///< under which cards get the keys, 01 to 7F
  std::uint8_t protocol = 3;                            ///< SCP02 or SCP03
  std::uint8_t options = 0x70;                          ///< its parameter "i"
  std::uint8_t scheme = 1;                              ///< vault::Diversification
  card::Algorithm algorithm = card::Algorithm::aes256;  ///< of the master keys
  unsigned parts = 0;                                   ///< of triple DES: 2 or 3
  bool imported = false;
  Bytes check_values;          ///< three octets for each master key
  std::vector<Bytes> masters;  ///< sealed: one, or three for ENC, MAC, DEK; none once they are retired
  Time made_at;
  std::optional<Time> retired_at;
};

/// Lists of keys besides the cards' own records. Laws as Database.
class KeyLedger {
 public:
  KeyLedger() = default;
  KeyLedger(const KeyLedger&) = delete;
  KeyLedger& operator=(const KeyLedger&) = delete;
  virtual ~KeyLedger() = default;

  virtual Result<KeyMode> key_mode(const std::string& organisation) = 0;
  virtual Result<void> set_key_mode(const std::string& organisation, KeyMode mode) = 0;

  // The pool.
  virtual Result<void> add(const SpareKeyRow& row) = 0;
  /// The oldest one, which is gone from the pool when this returns: nobody else gets it, whatever happens to
  /// the caller. None when there is none.
  virtual Result<std::optional<SpareKeyRow>> take(const std::string& organisation,
                                                  card::Algorithm algorithm) = 0;
  virtual Result<std::vector<SpareCount>> spare_counts() = 0;
  virtual Result<std::vector<SpareKeyRow>> spares(const std::string& organisation) = 0;
  /// False, and nothing changed, when it was taken meanwhile.
  virtual Result<bool> replace_spare(std::uint64_t number, const Bytes& sealed) = 0;

  // Versions of the organisations' keys.
  virtual Result<std::vector<KekVersionRow>> kek_versions() = 0;
  /// Errors: `conflict` when the version is there.
  virtual Result<void> add_kek_version(const std::string& organisation, std::uint32_t version, Time at) = 0;
  /// Progress of wrapping anew. Sets `finished_at` when it is given, clears it when it is not.
  virtual Result<void> advance(const std::string& organisation, std::uint32_t version, std::uint64_t cursor,
                               std::optional<Time> finished_at) = 0;
  /// All versions below this one are no longer to be used.
  virtual Result<void> retire_below(const std::string& organisation, std::uint32_t version, Time at) = 0;

  /// The key records of up to `cards` cards of the organisation whose numbers are above `after`, in order.
  /// None when there is no card left; a card without keys has one row with an empty value.
  virtual Result<std::vector<KeyRecordRow>> key_records(const std::string& organisation, std::uint64_t after,
                                                        std::size_t cards) = 0;
  /// Puts `value` in the place of `expected`, and counts it to the organisation's newest version. False, and
  /// nothing changed, when the record is another one now.
  virtual Result<bool> replace_key_record(const KeyRecordRow& expected, const Bytes& value) = 0;

  // Master keys of cards' keys. An organisation uses one set at a time.
  /// Errors: `conflict` when the organisation has a set in use, or one of that number.
  virtual Result<void> add(const CardKeysRow& row) = 0;
  /// The latest first.
  virtual Result<std::vector<CardKeysRow>> card_keys(const std::string& organisation) = 0;
  /// The same keys, sealed anew. False, and nothing changed, when they are others now.
  virtual Result<bool> replace_masters(const CardKeysRow& expected, const std::vector<Bytes>& masters) = 0;
  /// The set in use loses its keys. Errors: `not_found` when there is none.
  virtual Result<void> retire_card_keys(const std::string& organisation, Time at) = 0;

  // Resident keys.
  /// What the organisation has then. Errors: `exhausted` when it has as many as it may, or the HSM has.
  virtual Result<ResidentUse> reserve(const ResidentKeyRow& row, const ResidentCaps& caps) = 0;
  virtual Result<void> release(const std::array<std::uint8_t, 16>& id) = 0;
  virtual Result<std::vector<ResidentKeyRow>> resident_keys() = 0;
  virtual Result<std::vector<ResidentKeyRow>> resident_keys_of(const std::string& card) = 0;
  /// For whoever is about to destroy one: read at the moment when row and card were compared with the log of
  /// changes. Nothing when there is no such row. Errors: `corrupt` when one of them is not what the server
  /// wrote, or the card is frozen; `conflict` when the row has just become another one; `unavailable` while
  /// every card is held.
  virtual Result<std::optional<ResidentKeyState>> resident_key(const std::array<std::uint8_t, 16>& id) = 0;
  virtual Result<std::size_t> resident_count() = 0;
  /// Of every organisation, in the order of their names.
  virtual Result<std::vector<ResidentUse>> resident_use() = 0;
  /// Of one. Errors: `not_found`.
  virtual Result<ResidentUse> resident_use(const std::string& organisation) = 0;
  /// None: as many as the configuration gives each. Keys that are there stay. Errors: `not_found`.
  virtual Result<void> set_resident_cap(const std::string& organisation, std::optional<std::size_t> cap) = 0;
};

}  // namespace cardea::store
