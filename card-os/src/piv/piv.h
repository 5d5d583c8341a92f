#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "cardea/card/ports.h"
#include "cardea/card/profile.h"
#include "engine/route.h"
#include "gp/domain.h"
#include "gp/managed_application.h"
#include "gp/registration.h"
#include "piv/card_record.h"
#include "piv/channels.h"
#include "piv/factory.h"
#include "piv/key_record.h"
#include "piv/policy.h"
#include "piv/put_request.h"
#include "piv/secure_messaging.h"
#include "piv/state.h"

namespace cardea::card::piv {

/// A000000308 00001000 0100.
apdu::Aid application_identifier();

/// The PIV card application (SP 800-73-4 Part 2), with Yubico's commands where the profile says so.
///
/// Start reading at routes.cpp. Each command has a file of its own.
class Piv final : public Applet, public gp::ManagedApplication {
 public:
  Piv(const Profile& profile, const Ports& ports, gp::Registration& registration);

  [[nodiscard]] const apdu::Aid& aid() const override { return aid_; }
  [[nodiscard]] Protection* protection() override { return &channels_; }
  [[nodiscard]] bool takes_class_80() const override { return domain_.has_value(); }
  Reply select() override;
  void deselect() noexcept override;
  void begin_command(const PinInput* pins) noexcept override;
  Step run(const Command& command) override;
  void append_state(Bytes& out) const override;
  [[nodiscard]] bool has_security_status() const override;
  [[nodiscard]] bool holder_verified() const override { return state_.verified.has_value(); }

  [[nodiscard]] const apdu::Aid& instance() const override { return aid_; }
  CardResult<void> erase(const Condition& condition, const Change& also) override;
  CardResult<gp::Making> make(const Condition& condition, const Change& claimed, const Change& made) override;
  CardResult<void> store(std::span<const gp::Part> parts) override;

  /// For `dispatch`.
  CardResult<void> allows(Access access);

 private:
  struct ManagementKey {
    KeyRecord record;
    Digest fingerprint{};
  };

  /// All that a card forgets of the application when it is wiped or deleted.
  struct Erasure {
    CardRecord card;  ///< with the highest key version among them
    std::vector<Change> changes;
    std::vector<KeyHandle> discarded;
  };

  /// A key that is in the vault, and not yet in its slot.
  struct NewKey {
    std::uint8_t reference = 0;
    KeyRecord fresh;
    std::optional<KeyRecord> old;  ///< what is in the slot
  };

  /// What STORE DATA brings, looked at.
  struct Personalization {
    std::vector<PutRequest> objects;
    std::vector<NewKey> keys;
    std::map<PinRef, PinEvidence> pins;
    std::set<PinRef> factory_pins;  ///< of those, the ones that everybody knows
  };

  /// What secure messaging needs.
  struct MessagingKey {
    KeyRecord record;
    Bytes certificate;  ///< card verifiable, 7F21
  };

  static std::span<const Route<Piv>> opening_routes();
  static std::span<const Route<Piv>> channel_routes();
  static std::span<const Route<Piv>> messaging_routes();
  static std::span<const Route<Piv>> piv_routes();
  static std::span<const Route<Piv>> yubico_routes();

  // Handlers, in the order of the tables.
  CardResult<Reply> initialize_update(const Command& command);
  CardResult<Reply> external_authenticate(const Command& command);
  CardResult<Reply> set_pin_in_channel(const Command& command);
  CardResult<Reply> load_key_element(const Command& command);
  CardResult<Reply> create_in_channel(const Command& command);
  CardResult<Reply> pin_status(const Command& command);
  CardResult<Reply> verify(const Command& command);
  CardResult<Reply> log_out(const Command& command);
  CardResult<Reply> no_such_reference(const Command& command);
  CardResult<Reply> change_pin(const Command& command);
  CardResult<Reply> change_puk(const Command& command);
  CardResult<Reply> reset_retry_counter(const Command& command);
  CardResult<Reply> get_data(const Command& command);
  CardResult<Reply> put_data(const Command& command);
  CardResult<Reply> generate(const Command& command);
  CardResult<Reply> authenticate_administrator(const Command& command);
  CardResult<Reply> establish_keys(const Command& command);
  CardResult<Reply> use_private_key(const Command& command);
  CardResult<Reply> version(const Command& command);
  CardResult<Reply> serial(const Command& command);
  CardResult<Reply> metadata(const Command& command);
  CardResult<Reply> attest(const Command& command);
  CardResult<Bytes> attestation_object();
  CardResult<Reply> set_retries(const Command& command);
  CardResult<Reply> import_key(const Command& command);
  CardResult<Reply> set_management_key(const Command& command);
  CardResult<Reply> factory_reset(const Command& command);

  // channel.cpp
  [[nodiscard]] bool through_channel() const;
  [[nodiscard]] bool came_encrypted() const { return through_channel() || channels_.by_messaging(); }
  [[nodiscard]] bool may_issue_pin(PinRef reference, BytesView field) const;

  [[nodiscard]] bool may_hold(std::uint8_t reference, Algorithm algorithm) const;
  CardResult<NewKey> import_load(const KeyLoad& load, std::uint8_t reference);
  CardResult<void> finish_load(const KeyLoad& load, std::uint8_t reference);

  void close_channel() noexcept;

  // key_establishment.cpp
  CardResult<std::optional<MessagingKey>> messaging_key();
  /// The card verifiable certificate of the secure messaging key. It has no tag by which GET DATA would find
  /// it.
  static constexpr RecordId kMessagingCertificate{RecordSpace::object, 0x7F21};
  static CardResult<void> check_messaging_certificate(BytesView certificate,
                                                      const std::optional<KeyRecord>& key);
  CardResult<void> store_messaging_certificate(BytesView certificate);

  // manage.cpp
  CardResult<Erasure> erasure();
  CardResult<gp::Making> put_factory_pins(const Condition& claim, ReplacedPins replaced);
  CardResult<gp::Making> put_factory_records(const Condition& claim, const Change& made);
  CardResult<void> erase_what_is_there(const Condition& condition, const Change& also);
  CardResult<void> erase_what_came_late(const Condition& condition);
  void discard(const Erasure& erased) noexcept;
  CardResult<KeyHandle> bring_factory_state(Erasure& out);

  // personalize.cpp
  CardResult<void> prepare(std::span<const gp::Part> parts, Personalization& all);
  CardResult<void> write_records(const Personalization& all);
  static CardResult<void> take_objects(BytesView octets, Personalization& all);
  CardResult<void> take_group(const gp::Part& part, Personalization& all);
  CardResult<void> take_key(std::uint8_t reference, BytesView value, Personalization& all);

  // put_data.cpp
  static std::vector<Change> changes_of(const std::vector<PutRequest>& requests);
  CardResult<void> tell_of(const std::vector<PutRequest>& requests);

  // pins.cpp
  CardResult<bool> pin_verified();
  CardResult<PinStatus> present_pin(PinRef reference, BytesView field);
  [[nodiscard]] bool well_formed_pin(BytesView field) const;
  [[nodiscard]] bool refused_at_sight(BytesView new_field) const;
  CardResult<void> replace_pins(std::span<PinUpdate> updates);
  [[nodiscard]] bool acceptable_pin(BytesView field) const;
  CardResult<void> set_pin(PinRef reference, BytesView field, std::optional<std::uint64_t> replaces = {});

  // keys.cpp
  [[nodiscard]] Digest fingerprint_of(KeyRecord record) const;
  CardResult<const ManagementKey*> management_key();
  CardResult<bool> is_administrator();
  CardResult<std::optional<KeyRecord>> load_key(std::uint8_t reference);
  CardResult<KeySlot> next_slot(std::uint8_t reference, const std::optional<KeyRecord>& old,
                                PinPolicy pin_policy);
  CardResult<void> replace_key(const KeyRecord& fresh, const std::optional<KeyRecord>& old);

  // administrator.cpp
  CardResult<Reply> begin_external(const ManagementKey& key);
  CardResult<Reply> begin_mutual(const ManagementKey& key);
  CardResult<Reply> finish_external(const ManagementKey& key, BytesView answer);
  CardResult<Reply> finish_mutual(const ManagementKey& key, BytesView witness, BytesView challenge);
  CardResult<void> admit(bool match);

  // private_key.cpp
  CardResult<void> allows_use(const KeyRecord& key);
  CardResult<Bytes> release(const KeyRecord& key, KeyOperation operation, Result<SecretBytes> result);
  CardResult<Bytes> rsa_private(const KeyRecord& key, BytesView block);
  CardResult<Bytes> ecdsa(const KeyRecord& key, BytesView hash);
  CardResult<Bytes> eddsa(const KeyRecord& key, BytesView message);
  CardResult<Bytes> ecdh(const KeyRecord& key, BytesView point);
  CardResult<Bytes> encrypt(const KeyRecord& key, BytesView block);

  const Profile& profile_;
  Ports ports_;
  gp::Registration& registration_;  ///< through which it writes
  apdu::Aid aid_;
  std::optional<gp::Domain> domain_;  ///< where the profile lets hosts open channels to the application
  SecureMessaging messaging_;
  Channels channels_;
  State state_;

  // Of the present command only.
  const PinInput* pins_ = nullptr;
  OneShot now_;
  std::optional<ManagementKey> management_key_;
};

}  // namespace cardea::card::piv
