#include <openssl/ec.h>

#include "cardea/cms/ca/authority.h"
#include "issue_certificate.h"

namespace cardea::cms::ca {

namespace {

class DryRunAuthority final : public Authority {
 public:
  DryRunAuthority(std::string name, std::ostream& out) : name_{std::move(name)}, out_{out} {}

  Result<Bytes> issue(const Order& order) override {
    out_ << "        ask " << name_ << " for a certificate: " << order.holder.subject << ", "
         << order.profile.valid_days << " days\n";
    const Key key{EVP_EC_gen("P-256")};
    const Bytes serial{1};
    CARDEA_TRY(const auto authority, self_issue_authority(key.get(), {}, serial));
    CARDEA_TRY(const auto certificate, issue_certificate(order, key.get(), authority.get(), serial));
    return certificate_der(certificate.get());
  }

  Result<void> revoke(BytesView certificate, Reason reason) override {
    CARDEA_TRY(const auto about, describe_certificate(certificate));
    out_ << "        tell " << name_ << " to revoke certificate " << about.serial << " of " << about.subject
         << " (" << name(reason) << ")\n";
    return {};
  }

 private:
  std::string name_;
  std::ostream& out_;
};

}  // namespace

std::unique_ptr<Authority> make_dry_run_authority(std::string name, std::ostream& out) {
  return std::make_unique<DryRunAuthority>(std::move(name), out);
}

}  // namespace cardea::cms::ca
