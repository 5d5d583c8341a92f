#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/cms/batch/people.h"
#include "cardea/result.h"

namespace cardea::cms::batch {

enum class Stage : std::uint8_t {
  pending,  ///< no card was begun
  issuing,  ///< a card is begun; its state file says how far
  done,
  failed,  ///< given up for now, with a reason
};

/// How far one person's card has come.
struct Entry {
  Person person;
  Stage stage = Stage::pending;
  std::string guid;                                 ///< of the card; empty while pending
  std::optional<std::uint32_t> serial;              ///< of the card, where it has one
  std::map<std::string, std::string> certificates;  ///< serial numbers by slot, once done
  std::string reason;                               ///< why it failed, or was last interrupted
  std::vector<std::string> given_up;                ///< cards of this person that stay half issued
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// A whole batch. No secret is in it.
struct Record {
  std::string plan;    ///< the plan's document
  std::string reader;  ///< as it was named
  std::string
      seal_to;  ///< certificates (PEM) for whom the cards' secrets are sealed; empty: they stay readable
  bool keep_secrets = false;
  std::vector<Entry> entries;
};

Record new_record(std::string plan, const std::vector<Person>& people);

std::string to_text(const Record& record);
/// Errors: `corrupt`, with what is wrong.
Result<Record> parse_record(std::string_view text);

/// The directory of a batch: `batch.json` (the record, which is also the file to resume from),
/// `cards/GUID.json` (the state of each issuance), `secrets/GUID.secrets` or `secrets/GUID.p7m`. All of it is
/// for its owner only.
class Folder {
 public:
  explicit Folder(std::filesystem::path directory) : directory_{std::move(directory)} {}

  /// Errors: `unavailable`.
  [[nodiscard]] Result<void> make() const;
  [[nodiscard]] std::filesystem::path record() const { return directory_ / "batch.json"; }
  [[nodiscard]] std::filesystem::path lock() const { return directory_ / "lock"; }
  [[nodiscard]] std::filesystem::path state(const std::string& guid) const;
  [[nodiscard]] std::filesystem::path secrets(const std::string& guid) const;
  [[nodiscard]] std::filesystem::path sealed(const std::string& guid) const;

 private:
  std::filesystem::path directory_;
};

/// Where the record is kept; a save survives the loss of power once it returns.
class RecordStore {
 public:
  RecordStore() = default;
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;
  RecordStore(RecordStore&&) = delete;
  RecordStore& operator=(RecordStore&&) = delete;
  virtual ~RecordStore() = default;
  virtual Result<void> save(const Record& record) = 0;
};

/// The file in the folder, replaced as a whole at each save.
class RecordFile final : public RecordStore {
 public:
  explicit RecordFile(std::filesystem::path path) : path_{std::move(path)} {}
  Result<void> save(const Record& record) override;
  [[nodiscard]] Result<Record> load() const;

 private:
  std::filesystem::path path_;
};

/// Overwrites a file's content and removes it; one that is not there is no error. Errors: `unavailable`.
Result<void> shred(const std::filesystem::path& file);

}  // namespace cardea::cms::batch
