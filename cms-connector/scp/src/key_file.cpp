#include "cardea/cms/scp/key_file.h"

#include <sys/stat.h>

#include "cardea/cms/perso/secrets.h"

namespace cardea::cms::scp {

Result<gp::Keyset> read_key_file(const std::string& file, gp::KeyType type, std::uint8_t version) {
  CARDEA_TRY(const auto text, perso::read_secret_file(file));
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & 077U) != 0)
    return fail(Errc::denied, "others than its owner may read " + file + "; chmod 600 it");
  const auto key = [&](std::string_view name) -> Result<SecretBytes> {
    const auto line = perso::secret_line(text, name);
    if (!line) return SecretBytes{};
    auto octets = perso::secret_from_hex(*line);
    if (!octets)
      return fail(Errc::invalid, file + ": the line \"" + std::string{name} + ":\" is not hexadecimal");
    return *std::move(octets);
  };
  CARDEA_TRY(const auto all, key("key"));
  auto out = gp::Keyset::same(type, all, version);
  if (all.empty()) {
    CARDEA_TRY(out.enc, key("enc"));
    CARDEA_TRY(out.mac, key("mac"));
    CARDEA_TRY(out.dek, key("dek"));
  }
  if (out.enc.empty() || out.mac.empty() || out.dek.empty())
    return fail(Errc::invalid,
                file + " has neither a line \"key:\" nor the three lines \"enc:\", \"mac:\", \"dek:\"");
  if (const auto good = out.check(); !good) return fail(Errc::invalid, file + ": " + good.error().what);
  return out;
}

}  // namespace cardea::cms::scp
