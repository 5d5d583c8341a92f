#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cardea/card/ports.h"
#include "cardea/card/profile.h"
#include "engine/protection.h"
#include "engine/route.h"
#include "gp/domain.h"
#include "gp/managed_application.h"
#include "gp/store_data.h"

namespace cardea::card::gp {

/// A000000151000000.
BytesView issuer_aid();

/// The issuer security domain: the card manager of GlobalPlatform (Card Specification 2.3.1, chapter 11).
///
/// Start reading at issuer_routes.cpp. Each command has a file of its own.
class Issuer final : public Applet {
 public:
  /// `managed`: null when the profile's application is not for the card manager to fill, delete and make.
  Issuer(const Ports& ports, ManagedApplication* managed, const apdu::Aid& instance);

  [[nodiscard]] const apdu::Aid& aid() const override { return aid_; }
  [[nodiscard]] Protection* protection() override { return &domain_; }
  [[nodiscard]] bool takes_class_80() const override { return true; }
  Reply select() override;
  void deselect() noexcept override;
  void begin_command(const PinInput* /*pins*/) noexcept override {}
  Step run(const Command& command) override;
  void append_state(Bytes& out) const override;
  [[nodiscard]] bool has_security_status() const override { return domain_.has_security_status(); }

  /// For `dispatch`: the administrator is who has opened a channel in which commands have a MAC.
  CardResult<void> allows(Access access);

 private:
  static std::span<const Route<Issuer>> routes();

  // Handlers, in the order of the table.
  CardResult<Reply> initialize_update(const Command& command);
  CardResult<Reply> external_authenticate(const Command& command);
  CardResult<Reply> get_data(const Command& command);
  CardResult<Reply> get_status(const Command& command);
  CardResult<Reply> put_key(const Command& command);
  CardResult<Reply> store_data(const Command& command);
  CardResult<Reply> install_for_load(const Command& command);
  CardResult<Reply> install(const Command& command);
  CardResult<Reply> install_for_personalization(const Command& command);
  CardResult<Reply> extradite(const Command& command);
  CardResult<Reply> load(const Command& command);
  CardResult<Reply> delete_content(const Command& command);
  CardResult<Reply> set_card_status(const Command& command);
  CardResult<Reply> set_application_status(const Command& command);

  // discovery.cpp
  CardResult<Bytes> recognition_data();
  CardResult<Bytes> key_information();
  CardResult<Bytes> sequence_counter();
  CardResult<Bytes> production_data();

  // get_status.cpp, set_status.cpp
  CardResult<StoredRegistry> registry();
  CardResult<StoredRegistry> registry_for_change();
  CardResult<void> change_registry(const StoredRegistry& before, const Registry& after);
  [[nodiscard]] bool is_piv(BytesView aid) const { return equal(aid, instance_.octets()); }
  CardResult<void> change_application(const StoredRegistry& before, std::uint8_t state);

  // put_key.cpp
  static CardResult<std::vector<StoredKeySets::Entry>> leaving_for(
      std::uint8_t replaced, std::uint8_t version, const std::vector<StoredKeySets::Entry>& sets);
  CardResult<void> exchange_keys(const StoredRegistry& before, const NewKeySet& fresh, std::uint8_t place,
                                 const std::vector<StoredKeySets::Entry>& leaving);

  // delete.cpp
  CardResult<void> delete_application(BytesView aid);
  CardResult<void> delete_keys(std::uint8_t version);

  // install.cpp
  CardResult<void> make_application(bool selectable);
  CardResult<void> make_selectable();

  // store_data.cpp
  CardResult<void> personalize();
  CardResult<void> write_own_data();
  void end_collection() noexcept;

  Ports ports_;
  ManagedApplication* managed_;
  apdu::Aid instance_;
  apdu::Aid aid_;
  Domain domain_;

  // What lasts as long as the channel.
  std::optional<std::uint64_t> personalizing_;  ///< STORE DATA goes to this instance of the application
  Collection collection_;
  std::size_t status_at_ = 0;  ///< where the next occurrence of GET STATUS begins
};

}  // namespace cardea::card::gp
