#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "cardea/cms/batch/record.h"
#include "cardea/cms/ca/files.h"

namespace cardea::cms::batch {

namespace fs = std::filesystem;

Result<void> Folder::make() const {
  std::error_code problem;
  for (const auto& path : {directory_, directory_ / "cards", directory_ / "secrets"}) {
    const bool fresh = fs::create_directories(path, problem);
    if (problem) return fail(Errc::unavailable, "cannot make " + path.string() + ": " + problem.message());
    if (fresh) fs::permissions(path, fs::perms::owner_all, problem);
  }
  return {};
}

fs::path Folder::state(const std::string& guid) const {
  return directory_ / "cards" / (guid + ".json");
}

fs::path Folder::secrets(const std::string& guid) const {
  return directory_ / "secrets" / (guid + ".secrets");
}

fs::path Folder::sealed(const std::string& guid) const {
  return directory_ / "secrets" / (guid + ".p7m");
}

Result<void> RecordFile::save(const Record& record) {
  return ca::replace_file(path_, to_text(record), 0600);
}

Result<Record> RecordFile::load() const {
  CARDEA_TRY(const auto text, ca::read_file(path_));
  auto record = parse_record(text);
  if (!record) return fail(record.error().code, path_.string() + ": " + record.error().what);
  return record;
}

Result<void> shred(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return {};
  struct stat status {};
  bool good = fd >= 0 && ::fstat(fd, &status) == 0;
  if (good) {
    // What the disk keeps of it elsewhere (journal, wear levelling) is beyond any program.
    const Bytes zeros(static_cast<std::size_t>(status.st_size));
    good = ::write(fd, zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size()) && ::fsync(fd) == 0;
  }
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (!good || ::unlink(file.c_str()) != 0) {
    return fail(Errc::unavailable, "cannot remove " + file.string() + ": " +
                                       std::generic_category().message(good ? errno : why));
  }
  return {};
}

}  // namespace cardea::cms::batch
