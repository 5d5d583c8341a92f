#include "cardea/unseal/keeper.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "private_file.h"

namespace cardea::unseal {

namespace {

constexpr std::size_t kPinDigits = 32;
constexpr std::size_t kRootDigits = 64;

/// Random hexadecimal digits: as many as a software token's root key has where the old one is such, else what
/// HSMs take as a PIN.
SecretBytes random_pin(const SecretBytes& old) {
  constexpr std::string_view digits = "0123456789abcdef";
  SecretBytes pin{old.size() == kRootDigits ? kRootDigits : kPinDigits};
  randombytes_buf(pin.expose().data(), pin.size());
  for (auto& octet : pin.expose())
    octet = static_cast<std::uint8_t>(digits[octet & 0x0FU]);
  return pin;
}

}  // namespace

Keeper::Keeper(std::filesystem::path file, Ports ports, card::Clock& clock)
    : file_{std::move(file)}, ports_{std::move(ports)}, clock_{clock} {
  [[maybe_unused]] const int ready = ::sodium_init();
}

Result<bool> Keeper::owned() const {
  CARDEA_TRY(const auto file, SecretsFile::load(file_));
  return file.has_value();
}

Result<void> Keeper::open_plain() {
  const std::lock_guard lock{mutex_};
  CARDEA_TRY(const auto secrets, ports_.plain());
  CARDEA_TRY(auto vault, ports_.open(secrets.user, secrets.officer));
  return ports_.accept(std::move(vault));
}

Result<void> Keeper::wait(Result<std::optional<Share>> local) {
  {
    const std::lock_guard lock{mutex_};
    explain();
  }
  if (!local) return tl::unexpected{std::move(local).error()};
  if (!*local) return {};
  CARDEA_CHECK(give(**local));
  return {};
}

void Keeper::forget_when_late() {
  if (!given_.empty() && clock_.now() - last_given_ >= kPatience) given_.clear();
}

void Keeper::explain() {
  ports_.explain(status_now().sentence);
}

Status Keeper::status() {
  const std::lock_guard lock{mutex_};
  return status_now();
}

Status Keeper::status_now() {
  forget_when_late();
  Status out;
  const auto file = SecretsFile::load(file_);
  out.sealed = ports_.in_use() == nullptr;
  if (file && *file) {
    out.owned = true;
    out.key = text((*file)->key);
    out.threshold = (*file)->threshold;
    out.shares = static_cast<unsigned>((*file)->shares.size());
  }
  for (const auto& share : given_)
    out.given.push_back(share.number);
  std::ranges::sort(out.given);
  if (!file) {
    out.sentence = file.error().what;
  } else if (!out.sealed) {
    out.sentence = out.owned ? "open; the HSM's PIN is kept in shares" : "open; the HSM's PIN is in a file";
  } else if (out.owned) {
    out.sentence = "the server is sealed: " + std::to_string(out.given.size()) + " of " +
                   std::to_string(out.threshold) + " shares of the key " + out.key +
                   " are there (cardea unseal)";
  } else {
    out.sentence = "the server is sealed: no shares were made yet (cardea hsm init-shares)";
  }
  return out;
}

Result<Status> Keeper::give(const Share& share) {
  const std::lock_guard lock{mutex_};
  forget_when_late();
  if (ports_.in_use() != nullptr) return fail(Errc::conflict, "the server is not sealed");
  CARDEA_TRY(auto file, SecretsFile::load(file_));
  if (!file) return fail(Errc::conflict, "no shares were made yet: cardea hsm init-shares");
  const auto name = share.number == 0 ? std::string{"the key"} : "share " + std::to_string(share.number);
  if (share.key != file->key) {
    return fail(Errc::invalid,
                name + " is of the key " + text(share.key) + ", and this server's is " + text(file->key));
  }
  if (share.number != 0) {
    const bool genuine = share.threshold == file->threshold && share.number <= file->shares.size() &&
                         digest(share) == file->shares[share.number - 1U];
    if (!genuine) return fail(Errc::denied, name + " is not genuine: it was not made with the others");
  }
  const bool twice =
      std::ranges::any_of(given_, [&](const Share& known) { return known.number == share.number; });
  if (twice) return fail(Errc::conflict, name + " was given already");

  std::vector<Share> enough;
  if (share.number == 0) {
    enough.push_back(share.clone());
  } else {
    given_.push_back(share.clone());
    last_given_ = clock_.now();
    if (given_.size() >= file->threshold) enough = std::exchange(given_, {});
  }
  if (enough.empty()) {
    explain();
    return status_now();
  }
  auto opened = [&]() -> Result<void> {
    CARDEA_TRY(auto key, combine(enough));
    return open_with(key, *std::move(file));
  }();
  explain();
  if (!opened) return tl::unexpected{std::move(opened).error()};
  return status_now();
}

Status Keeper::abort() {
  const std::lock_guard lock{mutex_};
  given_.clear();
  explain();
  return status_now();
}

Result<void> Keeper::open_with(const UnsealKey& key, SecretsFile file) {
  CARDEA_TRY(auto secrets, file.open(key));
  auto vault = ports_.open(secrets.user, secrets.officer);
  // Cut off while the PINs were changing: the token has the old one or the new one.
  if (!vault && vault.error().code == Errc::denied && secrets.changing()) {
    vault = ports_.open(secrets.old_user, secrets.old_officer);
  }
  if (!vault) return tl::unexpected{std::move(vault).error()};
  if (secrets.changing()) CARDEA_CHECK(finish(key, file, std::move(secrets), **vault));
  CARDEA_CHECK(remove_plain());
  CARDEA_CHECK(ports_.accept(*std::move(vault)));
  UnsealKey kept;
  std::ranges::copy(key.expose(), kept.expose().begin());
  key_.emplace(std::move(kept));
  return {};
}

/// The token gets the new PINs, then the file forgets the old ones.
Result<void> Keeper::finish(const UnsealKey& key, const SecretsFile& file, Secrets secrets,
                            vault::Vault& vault) {
  CARDEA_CHECK(vault.change_pin(false, secrets.old_user, secrets.user));
  if (!secrets.officer.empty()) CARDEA_CHECK(vault.change_pin(true, secrets.old_officer, secrets.officer));
  secrets.old_user = {};
  secrets.old_officer = {};
  CARDEA_TRY(const auto done, SecretsFile::make(key, file.threshold, file.shares, secrets));
  return done.save(file_);
}

Result<void> Keeper::remove_plain() const {
  for (const auto& file : ports_.plain_files)
    CARDEA_CHECK(remove_file(file));
  return {};
}

Result<void> Keeper::change(const UnsealKey& key, unsigned threshold,
                            std::vector<std::array<std::uint8_t, 32>> shares, const Secrets& from) {
  Secrets secrets;
  secrets.old_user = from.user.clone();
  secrets.old_officer = from.officer.clone();
  secrets.user = random_pin(from.user);
  // One secret with two names, in a token that has one.
  const bool same = same_secret(from.user, from.officer);
  if (!from.officer.empty()) secrets.officer = same ? secrets.user.clone() : random_pin(from.officer);
  CARDEA_TRY(const auto file, SecretsFile::make(key, threshold, std::move(shares), secrets));
  CARDEA_CHECK(file.save(file_));  // from here on the shares open the token, whatever happens

  auto* vault = ports_.in_use();
  std::unique_ptr<vault::Vault> fresh;
  if (vault == nullptr) {
    CARDEA_TRY(fresh, ports_.open(from.user, from.officer));
    vault = fresh.get();
  }
  CARDEA_CHECK(finish(key, file, std::move(secrets), *vault));
  CARDEA_CHECK(remove_plain());
  if (fresh) CARDEA_CHECK(ports_.accept(std::move(fresh)));
  return {};
}

Result<Status> Keeper::take_over(UnsealKey key, unsigned threshold,
                                 std::vector<std::array<std::uint8_t, 32>> shares) {
  const std::lock_guard lock{mutex_};
  CARDEA_TRY(const auto file, SecretsFile::load(file_));
  Secrets from;
  if (file) {
    if (!key_) return fail(Errc::conflict, "the server is sealed: unseal it with the shares that there are");
    CARDEA_TRY(from, file->open(*key_));
    if (from.changing())
      return fail(Errc::conflict, "the PINs are being changed: restart the server and unseal it first");
  } else {
    CARDEA_TRY(from, ports_.plain());
  }
  CARDEA_CHECK(change(key, threshold, std::move(shares), from));
  key_.emplace(std::move(key));
  explain();
  return status_now();
}

Result<Status> Keeper::change_pins() {
  const std::lock_guard lock{mutex_};
  CARDEA_TRY(const auto file, SecretsFile::load(file_));
  if (!file) return fail(Errc::conflict, "the HSM's PIN is in a file: cardea hsm init-shares takes it over");
  if (!key_) return fail(Errc::conflict, "the server is sealed");
  CARDEA_TRY(const auto from, file->open(*key_));
  if (from.changing()) {
    CARDEA_CHECK(finish(*key_, *file, from.clone(), *ports_.in_use()));
    return status_now();
  }
  CARDEA_CHECK(change(*key_, file->threshold, file->shares, from));
  return status_now();
}

Result<void> Keeper::verify(const UnsealKey& key) const {
  const std::lock_guard lock{mutex_};
  CARDEA_TRY(const auto file, SecretsFile::load(file_));
  if (!file) return fail(Errc::conflict, "no shares were made yet: cardea hsm init-shares");
  CARDEA_CHECK(file->open(key));
  return {};
}

}  // namespace cardea::unseal
