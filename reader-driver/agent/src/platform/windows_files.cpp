#include <windows.h>

#include <shlobj.h>

#include <fstream>
#include <iterator>

#include "cardea/windows/handle.h"
#include "cardea/windows/owner_only.h"
#include "cardea/windows/seal.h"
#include "cardea/windows/text.h"
#include "files.h"

namespace cardea::agent {
namespace {

tl::unexpected<Error> file_error(const std::filesystem::path& path, DWORD error) {
  return fail(Errc::unavailable, path.string() + ": " + windows::error_text(error));
}

/// A sealed file is good under its own name only.
std::string purpose_of(const std::filesystem::path& path) {
  return "cardea " + path.filename().string();
}

Result<void> write_whole(const std::filesystem::path& path, BytesView content) {
  CARDEA_TRY(auto owner_only, windows::OwnerOnly::make());
  ::DeleteFileW(path.c_str());  // what a crash left, with whatever access
  const windows::Handle file{::CreateFileW(path.c_str(), GENERIC_WRITE, 0, owner_only.attributes(),
                                           CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr)};
  if (!file) return file_error(path, ::GetLastError());
  while (!content.empty()) {
    DWORD written = 0;
    if (::WriteFile(file.get(), content.data(), static_cast<DWORD>(content.size()), &written, nullptr) == 0)
      return file_error(path, ::GetLastError());
    content = content.subspan(written);
  }
  if (::FlushFileBuffers(file.get()) == 0) return file_error(path, ::GetLastError());
  return {};
}

}  // namespace

std::filesystem::path default_state_directory() {
  wchar_t* folder = nullptr;
  std::filesystem::path out{L"C:\\"};
  if (SUCCEEDED(::SHGetKnownFolderPath(FOLDERID_LocalAppData, 0, nullptr, &folder))) out = folder;
  ::CoTaskMemFree(folder);
  return out / "Cardea";
}

/// One that is there already is given the same access: it may have been made by somebody who knew less.
Result<void> make_private_directory(const std::filesystem::path& directory) {
  CARDEA_TRY(auto owner_only, windows::OwnerOnly::make());
  std::error_code error;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return fail(Errc::unavailable, directory.string() + ": " + error.message());
  if (::CreateDirectoryW(directory.c_str(), owner_only.attributes()) != 0) return {};
  if (const DWORD why = ::GetLastError(); why != ERROR_ALREADY_EXISTS) return file_error(directory, why);
  if (::SetFileSecurityW(directory.c_str(), DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                         owner_only.descriptor()) == 0)
    return file_error(directory, ::GetLastError());
  return {};
}

/// Writes beside the file and renames.
Result<void> replace_file(const std::filesystem::path& path, BytesView content) {
  auto beside = path;
  beside += L".new";
  CARDEA_CHECK(write_whole(beside, content));
  if (::MoveFileExW(beside.c_str(), path.c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) == 0)
    return file_error(path, ::GetLastError());
  return {};
}

Result<void> replace_secret_file(const std::filesystem::path& path, const SecretBytes& secret) {
  CARDEA_TRY(const auto sealed, windows::seal(secret, purpose_of(path)));
  return replace_file(path, sealed);
}

Result<SecretBytes> read_secret_file(const std::filesystem::path& path, std::size_t size) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error)
    return fail(Errc::not_found, path.string() + ": is not there");
  std::ifstream in{path, std::ios::binary};
  if (!in) return fail(Errc::unavailable, path.string() + ": cannot be read");
  const Bytes sealed{std::istreambuf_iterator<char>{in}, {}};
  auto secret = windows::unseal(sealed, purpose_of(path));
  if (!secret || secret->size() != size)
    return fail(Errc::corrupt, path.string() + ": damaged, or of another user or machine");
  return secret;
}

}  // namespace cardea::agent
