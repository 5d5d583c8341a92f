#!/usr/bin/python3
"""Runs a program as a systemd unit would: its system call filter, its limits, no privileges, another user. For machines without systemd.

    as_unit.py UNIT UID PROGRAM [ARG ...]
"""

import ctypes
import os
import re
import resource
import subprocess
import sys

ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050001
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, LAST_CAPABILITY = 38, 24, 40
LIMITS = {"NOFILE": resource.RLIMIT_NOFILE, "CORE": resource.RLIMIT_CORE, "MEMLOCK": resource.RLIMIT_MEMLOCK}


def values(text, key):
    return [value for line in re.findall(rf"(?m)^{key}=(.*)$", text) for value in line.split()]


def system_calls(names):
    """Sets such as @system-service, taken apart as systemd does."""
    out = set()
    for name in names:
        if not name.startswith("@"):
            out.add(name)
            continue
        listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
        out |= system_calls(line.strip() for line in listed.splitlines()[1:] if not line.strip().startswith("#") and line.strip())
    return out


def confine(text, uid):
    for name, limit in LIMITS.items():
        for value in values(text, f"Limit{name}"):
            wanted = resource.RLIM_INFINITY if value == "infinity" else int(value)
            hard = resource.getrlimit(limit)[1]
            possible = wanted if hard == resource.RLIM_INFINITY else hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(limit, (possible, possible))
    allowed = system_calls(values(text, "SystemCallFilter"))
    assert values(text, "SystemCallErrorNumber") == ["EPERM"] and values(text, "CapabilityBoundingSet") == []
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    seccomp.seccomp_init.restype = ctypes.c_void_p
    filter_ = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO_EPERM)))
    for name in allowed:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add(filter_, ctypes.c_uint32(ALLOW), number, 0) == 0, name
    assert seccomp.seccomp_load(filter_) == 0


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as unit:
        confine(unit.read(), int(sys.argv[2]))
    os.umask(0o077)
    os.execv(sys.argv[3], sys.argv[3:])
