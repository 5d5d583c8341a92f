#include "secret_options.h"

namespace cardea::cms::cli {

Result<perso::Credentials> current_credentials(const Options& options) {
  auto out = perso::factory_credentials();
  constexpr perso::PinPlan kAnyPin{true, 1, false};
  if (!options.current_pin_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.current_pin_file));
    CARDEA_TRY(out.pin, perso::make_pin(text, kAnyPin));
  }
  if (!options.current_puk_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.current_puk_file));
    CARDEA_TRY(out.puk, perso::make_puk(text));
  }
  if (!options.current_management_key_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.current_management_key_file));
    CARDEA_TRY(out.management_key, perso::guess_management_key(text));
  }
  return out;
}

Result<perso::NewCredentials> fresh_credentials(const Options& options, const perso::Plan& plan) {
  perso::NewCredentials out;
  if (options.keep_secrets) return out;
  if (!options.secrets_file.empty()) {
    CARDEA_TRY(out, perso::read_secrets_file(options.secrets_file, plan));
  }
  if (plan.pin.change && !options.pin_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.pin_file));
    CARDEA_TRY(out.pin, perso::make_pin(text, plan.pin));
  }
  if (plan.change_puk && !options.puk_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.puk_file));
    CARDEA_TRY(out.puk, perso::make_puk(text));
  }
  if (plan.management_key && !options.management_key_file.empty()) {
    CARDEA_TRY(const auto text, perso::read_secret_line(options.management_key_file));
    CARDEA_TRY(out.management_key, perso::make_management_key(text, plan.management_key->algorithm));
  }
  if (options.pin_prompt && plan.pin.change && !out.pin) {
    CARDEA_TRY(const auto text, perso::prompt_secret("PIN"));
    CARDEA_TRY(out.pin, perso::make_pin(text, plan.pin));
  }
  if (options.pin_prompt && plan.change_puk && !out.puk) {
    CARDEA_TRY(const auto text, perso::prompt_secret("PUK"));
    CARDEA_TRY(out.puk, perso::make_puk(text));
  }
  return out;
}

}  // namespace cardea::cms::cli
