// What a vault need not have, and says when it is asked for it.

#include "cardea/vault/vault.h"

namespace cardea::vault {

Result<SecretBytes> Vault::tenant_secret(const std::string&, std::string_view, std::size_t) {
  return fail(Errc::unsupported, "this vault makes no secrets for tenants");
}

Result<card::KeyHandle> Vault::make_master(const std::string&, card::KeySlot, card::Algorithm, unsigned) {
  return fail(Errc::unsupported, "this vault has no master keys");
}
Result<card::KeyHandle> Vault::import_master(const std::string&, card::KeySlot, card::Algorithm,
                                             const SecretBytes&) {
  return fail(Errc::unsupported, "this vault has no master keys");
}
Result<Bytes> Vault::check_value(const std::string&, const card::KeyHandle&) {
  return fail(Errc::unsupported, "this vault has no master keys");
}
Result<card::KeyHandle> Vault::derive(const std::string&, const std::string&, card::KeySlot, card::Algorithm,
                                      const card::KeyHandle&, const Derivation&) {
  return fail(Errc::unsupported, "this vault has no master keys");
}

Result<SpareKey> Vault::make_spare(const std::string&, card::Algorithm) {
  return fail(Errc::unsupported, "this vault makes no keys ahead");
}
Result<card::KeyHandle> Vault::adopt(const std::string&, const std::string&, card::KeySlot, const SpareKey&) {
  return fail(Errc::unsupported, "this vault makes no keys ahead");
}
Result<void> Vault::make_version(const std::string&, std::uint32_t) {
  return fail(Errc::unsupported, "this vault has one version of each tenant's keys");
}
void Vault::use_versions(const std::string&, KekVersions) {}
Result<Bytes> Vault::rewrap(const std::string&, const std::string&, const card::KeyHandle&) {
  return fail(Errc::unsupported, "this vault has one version of each tenant's keys");
}
Result<card::KeyHandle> Vault::settle(const std::string&, const std::string&, const card::KeyHandle&,
                                      const ResidentId&) {
  return fail(Errc::unsupported, "this vault has no room for resident keys");
}
Result<void> Vault::destroy_resident(const std::string&, const std::string&, const ResidentId&) {
  return {};
}
Result<void> Vault::forget_card(const std::string&, const std::string&) {
  return {};
}
Result<void> Vault::change_pin(bool, const SecretBytes&, const SecretBytes&) {
  return fail(Errc::unsupported, "this vault has no PIN");
}
Result<TenantSignature> Vault::sign_manifest(const std::string&, BytesView) {
  return fail(Errc::unsupported, "this vault signs no manifests");
}

Result<card::PublicKey> Vault::manifest_key(const std::string&) {
  return fail(Errc::unsupported, "this vault signs no manifests");
}

}  // namespace cardea::vault
