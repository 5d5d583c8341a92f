#pragma once

#include <sqlite3.h>

#include <atomic>

namespace cardea::store::test {

/// SQLite's default file layer with a fault in it: the n-th sync of a write-ahead log from now fails, or
/// every write to one does. Installed for the whole process on first use; without an order it changes
/// nothing.
class FaultyVfs {
 public:
  static void install() {
    static const bool done = [] {
      real_vfs() = sqlite3_vfs_find(nullptr);
      static sqlite3_vfs faulty = *real_vfs();
      faulty.zName = "faulty";
      faulty.xOpen = open;
      return sqlite3_vfs_register(&faulty, 1) == SQLITE_OK;
    }();
    static_cast<void>(done);
  }

  /// 1 is the next one; 0 takes the order back.
  static void fail_sync(int n) { syncs_until_failure() = n; }
  /// Writes fail as on a full disk.
  static void disk_full(bool full) { full_disk() = full; }

 private:
  static std::atomic<int>& syncs_until_failure() {
    static std::atomic<int> n = 0;
    return n;
  }
  static std::atomic<bool>& full_disk() {
    static std::atomic<bool> full = false;
    return full;
  }
  static sqlite3_vfs*& real_vfs() {
    static sqlite3_vfs* vfs = nullptr;
    return vfs;
  }
  // All files that are locked the same way share one table of methods.
  static const sqlite3_io_methods*& real_methods() {
    static const sqlite3_io_methods* methods = nullptr;
    return methods;
  }

  static int open(sqlite3_vfs* /*self*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int result = real_vfs()->xOpen(real_vfs(), name, file, flags, out_flags);
    if (result != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return result;
    static const sqlite3_io_methods faulty = [file] {
      real_methods() = file->pMethods;
      sqlite3_io_methods methods = *file->pMethods;
      methods.xSync = sync;
      methods.xWrite = write;
      return methods;
    }();
    if (file->pMethods == real_methods()) file->pMethods = &faulty;
    return result;
  }
  static int sync(sqlite3_file* file, int flags) {
    if (syncs_until_failure() > 0 && --syncs_until_failure() == 0) return SQLITE_IOERR_FSYNC;
    return real_methods()->xSync(file, flags);
  }
  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    if (full_disk()) return SQLITE_FULL;
    return real_methods()->xWrite(file, data, size, offset);
  }
};

}  // namespace cardea::store::test
