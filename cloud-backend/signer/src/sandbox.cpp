#include "sandbox.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cardea/vault/worker_protocol.h"

namespace cardea::signer {

namespace {

// Names, because a few do not exist on every architecture; those resolve to an error and are skipped.
constexpr const char* kForbidden[] = {
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kill",
    "tkill",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "add_key",
    "request_key",
    "keyctl",
    "open_by_handle_at",
    "memfd_create",
    "personality",
    "reboot",
    "swapon",
    "swapoff",
    "setuid",
    "setgid",
    "acct",
    "quotactl",
    "iopl",
    "ioperm",
    "name_to_handle_at",
};

}  // namespace

void harden() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::close_range(vault::wire::kDescriptor + 1, UINT_MAX, 0);
  ::umask(0077);

  // With a small limit, locking future pages would make the module's allocations fail.
  rlimit locked{};
  const bool unlimited = ::getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY;
  ::mlockall((unlimited ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT) | MCL_ONFAULT);
}

Result<void> restrict_system_calls() {
  const std::unique_ptr<void, decltype(&::seccomp_release)> filter{::seccomp_init(SCMP_ACT_ALLOW),
                                                                   &::seccomp_release};
  if (!filter) return fail(Errc::unsupported, "the system has no seccomp");
  for (const auto* name : kForbidden) {
    const auto number = ::seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;
    if (::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0) != 0) {
      return fail(Errc::unsupported, std::string{"seccomp cannot forbid "} + name);
    }
  }
  if (::seccomp_load(filter.get()) != 0)
    return fail(Errc::unsupported, "the system refuses a seccomp filter");
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe >= 0 || errno != EPERM) return fail(Errc::unsupported, "the seccomp filter has no effect");
  return {};
}

std::uint64_t resident_bytes() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128] = {};
  const auto n = ::read(file, text, sizeof text - 1);
  ::close(file);
  if (n <= 0) return 0;
  char* rest = nullptr;
  static_cast<void>(std::strtoull(text, &rest, 10));
  return std::strtoull(rest, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace cardea::signer
