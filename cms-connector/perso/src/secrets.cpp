#include "cardea/cms/perso/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/ca/secret_files.h"
#include "cardea/cms/piv/card.h"
#include "cardea/hex.h"

namespace cardea::cms::perso {

namespace {

bool is_line_end(std::uint8_t c) {
  return c == '\n' || c == '\r';
}

Result<SecretBytes> read_whole(const std::filesystem::path& file) {
  return file == "-" ? ca::read_secret_line(STDIN_FILENO) : ca::read_secret_file(file);
}

/// Echo off for as long as it lives.
class QuietTerminal {
 public:
  explicit QuietTerminal(int fd) : fd_{fd} {
    ::tcgetattr(fd_, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  QuietTerminal(QuietTerminal&&) = delete;
  QuietTerminal& operator=(QuietTerminal&&) = delete;
  ~QuietTerminal() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }

 private:
  int fd_;
  termios before_{};
};

Result<SecretBytes> ask(int terminal, const std::string& question) {
  const std::string text = question + ": ";
  if (::write(terminal, text.data(), text.size()) < 0)
    return fail(Errc::unavailable, "cannot ask on the terminal");
  CARDEA_TRY(const auto answer, ca::read_secret_line(terminal));
  (void)!::write(terminal, "\n", 1);
  return ca::first_line(answer);
}

/// Decimal digits, each equally likely.
Result<SecretBytes> random_digits(std::size_t count) {
  constexpr std::uint8_t kFair = 250;  // 250 and above would favour the first digits
  SecretBytes out{count};
  for (std::size_t i = 0; i < count;) {
    CARDEA_TRY(Bytes octets, piv::random_octets(count));
    const WipeOnExit wiper{octets};
    for (const std::uint8_t octet : octets) {
      if (octet < kFair && i < count) out.expose()[i++] = static_cast<std::uint8_t>('0' + octet % 10);
    }
  }
  return out;
}

}  // namespace

// Without a copy that is not wiped.
std::optional<SecretBytes> secret_from_hex(const SecretBytes& text) {
  const auto digit = [](std::uint8_t c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  const auto in = text.expose();
  if (in.empty() || in.size() % 2 != 0) return std::nullopt;
  SecretBytes out{in.size() / 2};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(in[2 * i]);
    const int low = digit(in[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.expose()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return out;
}

std::optional<SecretBytes> secret_line(const SecretBytes& text, std::string_view name) {
  const std::string prefix = std::string{name} + ":";
  auto rest = text.expose();
  while (!rest.empty()) {
    const auto end = std::find_if(rest.begin(), rest.end(), is_line_end);
    auto line = rest.first(static_cast<std::size_t>(end - rest.begin()));
    rest = rest.subspan(std::min(rest.size(), line.size() + 1));
    if (line.size() <= prefix.size() || !equal(line.first(prefix.size()), as_bytes(prefix))) continue;
    line = line.subspan(prefix.size());
    while (!line.empty() && line.front() == ' ')
      line = line.subspan(1);
    return SecretBytes{line};
  }
  return std::nullopt;
}

Credentials factory_credentials() {
  return {*piv::pin_field(as_bytes("123456")), *piv::pin_field(as_bytes("12345678")),
          piv::factory_admin_key()};
}

Result<SecretBytes> read_secret_line(const std::filesystem::path& file) {
  CARDEA_TRY(const auto text, read_whole(file));
  return ca::first_line(text);
}

Result<SecretBytes> read_secret_file(const std::filesystem::path& file) {
  return read_whole(file);
}

Result<SecretBytes> prompt_secret(const std::string& what) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return fail(Errc::unavailable, "there is no terminal to ask for the " + what);
  const QuietTerminal quiet{terminal};
  auto first = ask(terminal, "New " + what);
  auto second = ask(terminal, "New " + what + " again");
  ::close(terminal);
  CARDEA_TRY(auto one, std::move(first));
  CARDEA_TRY(const auto two, std::move(second));
  if (!same_secret(one, two)) return fail(Errc::invalid, "the two entries of the " + what + " differ");
  return one;
}

Result<SecretBytes> make_pin(const SecretBytes& text, const PinPlan& rules) {
  const auto octets = text.expose();
  if (octets.size() < rules.minimum || octets.size() > 8) {
    return fail(Errc::invalid, "the PIN must have " + std::to_string(rules.minimum) + " to 8 characters");
  }
  if (rules.digits_only &&
      !std::all_of(octets.begin(), octets.end(), [](std::uint8_t c) { return c >= '0' && c <= '9'; })) {
    return fail(Errc::invalid, "the PIN must consist of digits");
  }
  return piv::pin_field(octets);
}

Result<SecretBytes> make_puk(const SecretBytes& text) {
  if (text.size() != 8) return fail(Errc::invalid, "the PUK must have 8 characters");
  return piv::pin_field(text.expose());
}

Result<piv::AdminKey> make_management_key(const SecretBytes& text, piv::AdminAlgorithm algorithm) {
  auto octets = secret_from_hex(text);
  const auto& wanted = piv::info(algorithm);
  if (!octets || octets->size() != wanted.key_size) {
    return fail(Errc::invalid, "the management key must be " + std::to_string(2 * wanted.key_size) +
                                   " hexadecimal digits (" + std::string{wanted.title} + ")");
  }
  return piv::AdminKey{algorithm, *std::move(octets)};
}

Result<piv::AdminKey> guess_management_key(const SecretBytes& text) {
  switch (text.size()) {
    case 32:
      return make_management_key(text, piv::AdminAlgorithm::aes128);
    case 48:
      return make_management_key(text, piv::AdminAlgorithm::tdes);
    case 64:
      return make_management_key(text, piv::AdminAlgorithm::aes256);
    default:
      return fail(Errc::invalid, "a management key has 32, 48 or 64 hexadecimal digits");
  }
}

Result<NewCredentials> read_secrets_file(const std::filesystem::path& file, const Plan& plan) {
  CARDEA_TRY(const auto text, read_whole(file));
  NewCredentials out;
  if (const auto pin = secret_line(text, "pin")) {
    CARDEA_TRY(out.pin, make_pin(*pin, plan.pin));
  }
  if (const auto puk = secret_line(text, "puk")) {
    CARDEA_TRY(out.puk, make_puk(*puk));
  }
  if (const auto key = secret_line(text, "management-key"); key && plan.management_key) {
    CARDEA_TRY(out.management_key, make_management_key(*key, plan.management_key->algorithm));
  }
  return out;
}

Result<NewCredentials> generate_secrets_file(const std::filesystem::path& file, const Plan& plan) {
  NewCredentials out;
  std::string text;
  text.reserve(512);  // does not grow while it holds secrets
  const auto line = [&text](std::string_view name, BytesView value) {
    text.append(name).append(": ");
    text.append(value.begin(), value.end());
    text.append("\n");
  };
  if (plan.pin.change) {
    CARDEA_TRY(const auto pin, random_digits(std::max<std::size_t>(plan.pin.minimum, 6)));
    line("pin", pin.expose());
    CARDEA_TRY(out.pin, piv::pin_field(pin.expose()));
  }
  if (plan.change_puk) {
    CARDEA_TRY(const auto puk, random_digits(8));
    line("puk", puk.expose());
    CARDEA_TRY(out.puk, piv::pin_field(puk.expose()));
  }
  if (plan.management_key) {
    CARDEA_TRY(Bytes key, piv::random_octets(piv::info(plan.management_key->algorithm).key_size));
    const WipeOnExit wiper{key};
    std::string digits = to_hex(key);
    line("management-key", as_bytes(digits));
    wipe({reinterpret_cast<std::uint8_t*>(digits.data()),
          digits.size()});  // NOLINT(*-reinterpret-cast): char to octet
    out.management_key = piv::AdminKey{plan.management_key->algorithm, SecretBytes{BytesView{key}}};
  }
  const auto written = ca::create_file(file, text, 0600);
  wipe({reinterpret_cast<std::uint8_t*>(text.data()),
        text.size()});  // NOLINT(*-reinterpret-cast): char to octet
  CARDEA_CHECK(written);
  return out;
}

}  // namespace cardea::cms::perso
