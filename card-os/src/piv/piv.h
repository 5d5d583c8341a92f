#pragma once

#include <optional>
#include <span>

#include "cardea/card/ports.h"
#include "cardea/card/profile.h"
#include "engine/route.h"
#include "piv/key_record.h"
#include "piv/policy.h"
#include "piv/state.h"

namespace cardea::card::piv {

/// The PIV card application (SP 800-73-4 Part 2), with Yubico's commands where the profile says so.
///
/// Start reading at routes.cpp. Each command has a file of its own.
class Piv final : public Applet {
 public:
  Piv(const Profile& profile, const Ports& ports);

  [[nodiscard]] const apdu::Aid& aid() const override { return aid_; }
  Reply select() override;
  void deselect() noexcept override;
  void begin_command(const PinInput* pins) noexcept override;
  Step run(const Command& command) override;
  void append_state(Bytes& out) const override;
  [[nodiscard]] bool has_security_status() const override;
  [[nodiscard]] bool holder_verified() const override { return state_.verified.has_value(); }

  /// For `dispatch`.
  CardResult<void> allows(Access access);

 private:
  struct ManagementKey {
    KeyRecord record;
    Digest fingerprint{};
  };

  static std::span<const Route<Piv>> piv_routes();
  static std::span<const Route<Piv>> yubico_routes();

  // Handlers, in the order of the table.
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

  // pins.cpp
  CardResult<bool> pin_verified();
  CardResult<PinStatus> present_pin(PinRef reference, BytesView field);
  [[nodiscard]] bool well_formed_pin(BytesView field) const;
  [[nodiscard]] bool refused_by_client() const;
  CardResult<void> replace_pins(std::span<const PinUpdate> updates);
  [[nodiscard]] bool acceptable_pin(BytesView field) const;
  CardResult<void> set_pin(PinRef reference, BytesView field);

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
  apdu::Aid aid_;
  State state_;

  // Of the present command only.
  const PinInput* pins_ = nullptr;
  OneShot now_;
  std::optional<ManagementKey> management_key_;
};

}  // namespace cardea::card::piv
