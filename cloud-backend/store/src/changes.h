#pragma once

#include <functional>
#include <string>

#include "cardea/store/changes.h"
#include "change_log.h"

namespace cardea::store {

class SqliteDatabase;

class SqliteChanges final : public Changes {
 public:
  SqliteChanges(SqliteDatabase& database, ChangeLog& log, bool upgraded)
      : database_{database}, log_{log}, upgraded_{upgraded} {}

  Result<Findings> protect(const SecretBytes& key) override;
  [[nodiscard]] bool on() const override { return log_.on(); }
  [[nodiscard]] bool intact() const override { return log_.intact(); }
  void refuse(const std::string& reason) override { log_.refuse(reason); }
  void hold(const std::string& reason) override { log_.hold(reason); }
  Result<void> check_card(const std::string& card, const std::string& device) override;
  Result<CardRow> checked_card(const std::string& card, const std::string& device) override;
  Result<Device> checked_device(const std::string& id) override;
  Result<Findings> verify() override;
  std::vector<Alarm> alarms() override { return log_.alarms(); }
  Result<void> freeze(const std::string& card, const Freeze& freeze) override;
  Result<void> thaw(const std::string& card) override;
  Result<std::optional<Freeze>> frozen(const std::string& card) override;
  [[nodiscard]] LogHead head() const override { return log_.head(); }
  Result<audit::Hash> root(std::uint64_t size) override;
  Result<audit::Proof> inclusion(std::uint64_t leaf, std::uint64_t size) override;
  Result<audit::Proof> consistency(std::uint64_t older, std::uint64_t size) override;
  Result<void> keep_checkpoint(std::uint64_t size, const std::string& note) override;
  Result<std::optional<std::string>> checkpoint() override;
  Result<LoggedLine> line(std::uint64_t audit_number) override;

  /// What is compared.
  struct Subject {
    std::string card;          ///< with all that it hangs on; empty: none
    RowNames others;           ///< besides
    bool even_frozen = false;  ///< compared all the same, and no reason for another alarm
  };
  using Reading = std::function<Result<void>(Connection&)>;
  /// Reads at the moment of the comparison, so that what was read is what was compared. `read` is called anew
  /// for each look, and what it found is good only when this succeeds. Errors: `corrupt`, after an alarm;
  /// those of `read`.
  Result<void> read_compared(const Subject& subject, const Reading& read);
  /// Errors: `unavailable`, with the reason.
  Result<void> not_held() const;

 private:
  /// A card, and the device that opens it (empty: none).
  static Subject opened_by(const std::string& card, const std::string& device);
  tl::unexpected<Error> different(const Subject& subject, const std::string& what, bool told);
  audit::Tree::Reader leaves();

  SqliteDatabase& database_;
  ChangeLog& log_;
  bool upgraded_;
};

}  // namespace cardea::store
