#include "token_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace cardea::signer {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTokenFile = "token.object";

fs::path configuration() {
  const char* file = std::getenv("SOFTHSM2_CONF");  // NOLINT(concurrency-mt-unsafe): one thread
  return file == nullptr ? fs::path{} : fs::path{file};
}

fs::path token_directory() {
  std::ifstream file{configuration()};
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (line.rfind("directories.tokendir", 0) != 0 || equals == std::string::npos) continue;
    const auto begin = line.find_first_not_of(" \t", equals + 1);
    if (begin == std::string::npos) continue;
    return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
  }
  return {};
}

fs::path copies() {
  return fs::path{configuration()} += ".copies";
}

/// All or nothing, and durable.
void replace(const fs::path& from, const fs::path& to) {
  std::ifstream in{from, std::ios::binary};
  const std::string octets{std::istreambuf_iterator<char>{in}, {}};
  if (!in || octets.empty()) return;
  const auto draft = fs::path{to} += ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return;
  const bool whole = ::write(file, octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()) &&
                     ::fsync(file) == 0;
  ::close(file);
  if (whole) (void)::rename(draft.c_str(), to.c_str());
}

template <class Action>
void for_each_token(Action act) {
  const auto tokens = token_directory();
  if (tokens.empty()) return;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{tokens, error}) {
    act(entry.path() / kTokenFile, copies() / entry.path().filename());
  }
}

}  // namespace

void restore_tokens() {
  for_each_token([](const fs::path& token, const fs::path& copy) {
    std::error_code error;
    const auto kept = fs::file_size(copy, error);
    if (error || kept == 0) return;
    const auto found = fs::file_size(token, error);
    if (!error && found != kept) replace(copy, token);
  });
}

void copy_tokens(bool renew) {
  std::error_code error;
  if (!configuration().empty()) fs::create_directory(copies(), error);
  for_each_token([renew](const fs::path& token, const fs::path& copy) {
    std::error_code ignored;
    if (renew || !fs::exists(copy, ignored) ||
        fs::file_size(copy, ignored) != fs::file_size(token, ignored)) {
      replace(token, copy);
    }
  });
}

}  // namespace cardea::signer
