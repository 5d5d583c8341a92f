#include "key_ceremony.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>

#include "cardea/hex.h"
#include "secret_input.h"

namespace cardea::cli {
namespace {

bool is_des(const KeyForm& form) {
  return form.algorithm.starts_with("tdes");
}

const char* name_of(const KeyForm& form, std::size_t index) {
  constexpr std::array<const char*, 3> kNames{"ENC", "MAC", "DEK"};
  return form.three ? kNames[index] : "master key";
}

/// What is typed is not shown while this lives.
class Hidden {
 public:
  Hidden() {
    if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;
  ~Hidden() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool changed_ = false;
};

Result<SecretBytes> key_in(const KeyForm& form, const SecretBytes& line) {
  auto octets = from_hex(characters_of(line));
  if (!octets || octets->size() != key_size(form)) {
    if (octets) wipe(*octets);
    return fail(Errc::invalid, "this is no key of the kind " + form.algorithm + ": it has " +
                                   std::to_string(2 * key_size(form)) + " hexadecimal digits");
  }
  SecretBytes out{BytesView{*octets}};
  wipe(*octets);
  return out;
}

bool says_nothing(const SecretBytes& line) {
  return line.empty() || line.expose().front() == '#';
}

/// The next component; where a person types, until it is one.
Result<SecretBytes> component(const KeyForm& form, const std::string& prompt) {
  const bool person = ::isatty(STDIN_FILENO) != 0;
  for (;;) {
    std::optional<SecretBytes> line;
    {
      const Hidden hidden;  // before anybody is asked to type
      if (person) std::cerr << prompt << " (not shown): " << std::flush;
      line = secret_line(STDIN_FILENO);
    }
    if (!line) return fail(Errc::invalid, prompt + " is missing");
    if (says_nothing(*line)) continue;
    auto key = key_in(form, *line);
    if (key || !person) return key;
    std::cerr << "cardea: " << key.error().what << '\n';
  }
}

void add(SecretBytes& sum, const SecretBytes& part) {
  const auto to = sum.expose();
  const auto what = part.expose();
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<std::uint8_t>(to[i] ^ what[i]);
}

Result<void> agreed() {
  if (::isatty(STDIN_FILENO) == 0) return {};
  std::cerr << "Are these the check values of your keys? Type yes: " << std::flush;
  const auto line = secret_line(STDIN_FILENO);
  if (line && characters_of(*line) == "yes") return {};
  return fail(Errc::denied, "the keys were not agreed to; nothing was sent");
}

}  // namespace

std::size_t key_size(const KeyForm& form) {
  if (form.algorithm == "aes-256") return 32;
  return form.algorithm == "aes-192" || form.algorithm == "tdes-3key" ? 24 : 16;
}

Result<std::string> check_value(const KeyForm& form, const SecretBytes& key) {
  const auto size = key.size();
  const auto* const cipher = is_des(form) ? (size == 16 ? EVP_des_ede_ecb() : EVP_des_ede3_ecb())
                                          : (size == 16   ? EVP_aes_128_ecb()
                                             : size == 24 ? EVP_aes_192_ecb()
                                                          : EVP_aes_256_ecb());
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free};
  const Bytes block(is_des(form) ? 8 : 16, is_des(form) ? std::uint8_t{0} : std::uint8_t{1});
  std::array<std::uint8_t, 32> out{};
  int written = 0;
  if (!context || key.size() != key_size(form) ||
      EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.expose().data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written, block.data(), static_cast<int>(block.size())) !=
          1) {
    return fail(Errc::unavailable, "OpenSSL cannot make a check value");
  }
  return to_hex(BytesView{out}.first(3));
}

Result<std::vector<SecretBytes>> keys_in_file(const KeyForm& form, const std::string& file) {
  const int in = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (in < 0)
    return fail(Errc::not_found, "cannot read " + file + ": " + std::generic_category().message(errno));
  struct stat status {};
  const bool closed_to_others =
      ::fstat(in, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  std::vector<SecretBytes> out;
  Result<void> good;
  while (closed_to_others && good) {
    const auto line = secret_line(in);
    if (!line) break;
    if (says_nothing(*line)) continue;
    auto key = key_in(form, *line);
    if (!key) {
      good = fail(Errc::invalid, file + ": " + key.error().what);
    } else {
      out.push_back(*std::move(key));
    }
  }
  ::close(in);
  if (!closed_to_others)
    return fail(Errc::denied, "others than its owner may read " + file + " (chmod 600 it), or it is no file");
  CARDEA_CHECK(std::move(good));
  if (out.size() != (form.three ? 3U : 1U))
    return fail(Errc::invalid, file + (form.three ? " must hold three keys, one a line: ENC, MAC and DEK"
                                                  : " must hold one key; for ENC, MAC and DEK add --three"));
  return out;
}

Result<std::vector<SecretBytes>> keys_from_components(const KeyForm& form, unsigned components) {
  std::vector<SecretBytes> out;
  for (std::size_t i = 0; i < (form.three ? 3U : 1U); ++i) {
    const std::string name = name_of(form, i);
    SecretBytes sum{key_size(form)};
    for (unsigned n = 1; n <= components; ++n) {
      const auto which = "component " + std::to_string(n) + " of " + std::to_string(components) + ", " + name;
      CARDEA_TRY(const auto part, component(form, which));
      add(sum, part);
      CARDEA_TRY(const auto value, check_value(form, part));
      std::cerr << which << ": check value " << value << '\n';
    }
    CARDEA_TRY(const auto value, check_value(form, sum));
    std::cerr << name << ": check value " << value << '\n';
    out.push_back(std::move(sum));
  }
  CARDEA_CHECK(agreed());
  return out;
}

}  // namespace cardea::cli
