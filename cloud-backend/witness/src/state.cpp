#include "cardea/witness/state.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "cardea/audit/durable_file.h"
#include "cardea/hex.h"
#include "cardea/witness/request.h"

namespace cardea::witness {

namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr std::string_view kFirst = "cardea/witness/1\n";
constexpr mode_t kOthers = 077;

std::string reason() {
  return std::generic_category().message(errno);
}

/// What can stand in one line, and is no blank to read over.
bool is_line(const std::string& text) {
  return !text.empty() && text.size() <= 255 && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7F';
  });
}

/// Nothing when there is no such file.
Result<std::optional<std::string>> contents(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream in{file, std::ios::binary};
  if (!in) {
    if (errno == ENOENT) return std::optional<std::string>{};
    return fail(Errc::unavailable, "cannot read " + file.string() + ": " + reason());
  }
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad()) return fail(Errc::unavailable, "cannot read " + file.string() + ": " + reason());
  return std::optional{std::move(text)};
}

std::string to_record(const KnownLog& log) {
  return std::string{kFirst} + log.origin + "\n" + audit::to_text(log.key) + "\n" + log.note;
}

/// Everything is checked again, the log's signature too: a damaged file must not pass for an earlier state.
std::optional<KnownLog> parse_record(std::string_view text) {
  if (!text.starts_with(kFirst)) return std::nullopt;
  text.remove_prefix(kFirst.size());
  const auto first = text.find('\n');
  const auto second = first == std::string_view::npos ? first : text.find('\n', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto key = audit::parse_note_key(text.substr(first + 1, second - first - 1));
  if (!key) return std::nullopt;
  KnownLog log{std::string{text.substr(0, first)}, *key, std::string{text.substr(second + 1)}, 0,
               audit::sha256({})};
  if (log.note.empty()) return log;
  const auto signed_text = audit::open_note(log.note, log.key);
  const auto checkpoint = signed_text ? parse_checkpoint_text(*signed_text) : std::nullopt;
  if (!checkpoint || checkpoint->origin != log.origin) return std::nullopt;
  log.size = checkpoint->size;
  log.root = checkpoint->root;
  return log;
}

Result<std::optional<KnownLog>> read_record(const std::filesystem::path& file) {
  CARDEA_TRY(const auto text, contents(file));
  if (!text) return std::optional<KnownLog>{};
  auto log = parse_record(*text);
  if (!log) {
    return fail(Errc::corrupt,
                file.string() + " is damaged: restore its latest state, or retire this witness");
  }
  return log;
}

}  // namespace

Result<Lock> Lock::take(const std::filesystem::path& directory) {
  const auto file = directory / "lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(Errc::unavailable, "cannot open " + file.string() + ": " + reason());
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return fail(Errc::conflict,
                "another cardea-witness serves from " + directory.string() + ": stop it first");
  }
  return Lock{descriptor};
}

Lock::Lock(Lock&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}

Lock::~Lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void State::FreeKey::operator()(void* key) const {
  EVP_PKEY_free(static_cast<EVP_PKEY*>(key));
}

Result<audit::CosignerKey> State::init(const std::filesystem::path& directory, const std::string& name) {
  if (!is_line(name) || name.find_first_of(" +") != std::string::npos) {
    return fail(Errc::invalid, "a witness' name is like a URL without its scheme: no blank, no plus sign");
  }
  std::error_code error;
  // One that is there already may be for others, too: /tmp, say. The key's file is its owner's in any case.
  const bool fresh = !std::filesystem::exists(directory, error);
  if (!error) std::filesystem::create_directories(directory / "logs", error);
  if (!error && fresh) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) return fail(Errc::unavailable, "cannot make " + directory.string() + ": " + error.message());
  if (std::filesystem::exists(directory / "key.pem", error)) {
    return fail(Errc::conflict, directory.string() + " has a key already");
  }
  const PrivateKey secret{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  const Bio pem{BIO_new(BIO_s_secmem()), BIO_free};
  if (!secret || !pem ||
      PEM_write_bio_PKCS8PrivateKey(pem.get(), static_cast<EVP_PKEY*>(secret.get()), nullptr, nullptr, 0,
                                    nullptr, nullptr) != 1) {
    return fail(Errc::unavailable, "OpenSSL cannot make an Ed25519 key");
  }
  CARDEA_CHECK(audit::write_durably(directory / "name", name + "\n"));
  char* text = nullptr;
  const auto size = BIO_get_mem_data(pem.get(), &text);
  CARDEA_CHECK(audit::write_durably(directory / "key.pem", {text, static_cast<std::size_t>(size)}));
  CARDEA_TRY(const auto state, open(directory));
  return state.key();
}

Result<State> State::open(const std::filesystem::path& directory) {
  const auto file = directory / "key.pem";
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    return fail(errno == ENOENT ? Errc::not_found : Errc::unavailable,
                "cannot read " + file.string() + ": " + reason() + " (`cardea-witness init` makes it)");
  }
  if ((info.st_mode & kOthers) != 0) {
    return fail(Errc::denied,
                file.string() + " can be read by others: chmod 600 it, and think about a new key");
  }
  CARDEA_TRY(auto name, contents(directory / "name"));
  while (name && name->ends_with('\n'))
    name->pop_back();
  const Bio pem{BIO_new_file(file.c_str(), "r"), BIO_free};
  PrivateKey secret{pem ? PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr) : nullptr};
  audit::CosignerKey key{name.value_or(""), {}};
  auto size = key.key.size();
  const bool good =
      secret && EVP_PKEY_is_a(static_cast<EVP_PKEY*>(secret.get()), "ED25519") == 1 &&
      EVP_PKEY_get_raw_public_key(static_cast<EVP_PKEY*>(secret.get()), key.key.data(), &size) == 1;
  if (!good || !is_line(key.name)) {
    return fail(Errc::corrupt,
                directory.string() + ": the files name and key.pem are not those of a witness");
  }
  State state{directory, std::move(secret), std::move(key)};
  std::error_code error;
  std::filesystem::directory_iterator files{directory / "logs", error};
  if (error)
    return fail(Errc::unavailable, "cannot read " + directory.string() + "/logs: " + error.message());
  for (; files != std::filesystem::directory_iterator{}; files.increment(error)) {
    if (files->path().extension() != ".log") continue;
    CARDEA_TRY(auto log, read_record(files->path()));
    if (!log || state.file_of(log->origin) != files->path()) {
      return fail(Errc::corrupt, files->path().string() + " is not the file of the log that it names");
    }
    state.logs_.emplace(log->origin, *std::move(log));
  }
  if (error)
    return fail(Errc::unavailable, "cannot read " + directory.string() + "/logs: " + error.message());
  return state;
}

Result<Bytes> State::sign(std::string_view message) const {
  const Context context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  auto* key = static_cast<EVP_PKEY*>(secret_.get());
  Bytes signature(64);
  auto size = signature.size();
  const auto octets = as_bytes(message);
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, octets.data(), octets.size()) != 1) {
    return fail(Errc::exhausted, "OpenSSL cannot sign");
  }
  return signature;
}

std::filesystem::path State::file_of(const std::string& origin) const {
  return directory_ / "logs" / (to_hex(audit::sha256(as_bytes(origin))) + ".log");
}

Result<void> State::trust(const std::string& origin, const audit::NoteKey& log) {
  if (!is_line(origin)) return fail(Errc::invalid, "an origin is one line");
  CARDEA_TRY(const auto known, find(origin));
  if (known) {
    return fail(Errc::conflict, origin + (known->key == log ? " is followed already"
                                                            : " is followed already, with another key"));
  }
  KnownLog fresh{origin, log, {}, 0, audit::sha256({})};
  CARDEA_CHECK(audit::write_durably(file_of(origin), to_record(fresh)));
  logs_.emplace(origin, std::move(fresh));
  return {};
}

Result<void> State::forget(const std::string& origin) {
  std::error_code error;
  if (!std::filesystem::remove(file_of(origin), error)) {
    if (error) return fail(Errc::unavailable, "cannot forget " + origin + ": " + error.message());
    return fail(Errc::not_found, origin + " is not followed");
  }
  logs_.erase(origin);
  return {};
}

Result<std::optional<KnownLog>> State::find(const std::string& origin) {
  if (const auto known = logs_.find(origin); known != logs_.end()) return std::optional{known->second};
  CARDEA_TRY(auto log, read_record(file_of(origin)));
  if (log) logs_.emplace(origin, *log);
  return log;
}

Result<void> State::keep(const KnownLog& log) {
  CARDEA_CHECK(audit::write_durably(file_of(log.origin), to_record(log)));
  logs_.insert_or_assign(log.origin, log);
  return {};
}

}  // namespace cardea::witness
