#include <openssl/pem.h>

#include "cardea/cms/ca/authority.h"
#include "cardea/cms/ca/process.h"
#include "openssl.h"

namespace cardea::cms::ca {

namespace {

class CommandAuthority final : public Authority {
 public:
  CommandAuthority(std::string command, std::chrono::milliseconds deadline)
      : command_{std::move(command)}, deadline_{deadline} {}

  Result<Bytes> issue(const Order& order) override {
    Process process = prepared("issue");
    process.input = request_pem(order.request);
    process.environment.push_back("CARDEA_SLOT=" + order.slot);
    process.environment.push_back("CARDEA_SUBJECT=" + order.holder.subject);
    process.environment.push_back("CARDEA_UPN=" + (order.profile.upn ? order.holder.upn : std::string{}));
    process.environment.push_back("CARDEA_EMAIL=" +
                                  (order.profile.email ? order.holder.email : std::string{}));
    process.environment.push_back("CARDEA_VALID_DAYS=" + std::to_string(order.profile.valid_days));
    process.environment.push_back(std::string{"CARDEA_RENEWAL="} + (order.renewal ? "1" : "0"));
    CARDEA_TRY(const auto text, run(process));
    const Certificate certificate{
        PEM_read_bio_X509(read_bio(as_bytes(text)).get(), nullptr, nullptr, nullptr)};
    if (certificate == nullptr) {
      return tl::unexpected{openssl_error(
          Errc::corrupt, "the CA command did not write a certificate (PEM) to its standard output")};
    }
    return certificate_der(certificate.get());
  }

  Result<void> revoke(BytesView certificate, Reason reason) override {
    CARDEA_TRY(const auto about, describe_certificate(certificate));
    Process process = prepared("revoke");
    CARDEA_TRY(process.input, certificate_pem(certificate));
    process.environment.push_back("CARDEA_SERIAL=" + about.serial);
    process.environment.push_back("CARDEA_REASON=" + std::string{name(reason)});
    CARDEA_CHECK(run(process));
    return {};
  }

 private:
  [[nodiscard]] Process prepared(const std::string& action) const {
    Process out;
    out.name = "the CA command";
    out.arguments = shell(command_);
    out.environment = {"CARDEA_ACTION=" + action};
    out.deadline = deadline_;
    return out;
  }

  static Result<std::string> run(const Process& process) {
    CARDEA_TRY(auto ended, run_process(process));
    if (ended.status != 0)
      return fail(Errc::denied, "the CA command ended with exit code " + std::to_string(ended.status));
    return std::move(ended.output);
  }

  std::string command_;
  std::chrono::milliseconds deadline_;
};

}  // namespace

std::unique_ptr<Authority> make_command_authority(std::string command, std::chrono::milliseconds deadline) {
  return std::make_unique<CommandAuthority>(std::move(command), deadline);
}

}  // namespace cardea::cms::ca
