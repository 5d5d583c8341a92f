"""A private place for pcscd and its friends.

pcscd has one fixed socket below /run, so two of them on one machine disturb each other. `enter()` moves this very process
into mount and network namespaces of its own, with an empty /run and a loopback interface; everything it starts
afterwards lives there too and vanishes from view with it.
"""

import ctypes
import os
import subprocess

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MARK = "CARDEA_PRIVATE_NAMESPACE"


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter():
    """Idempotent; needs root (or CAP_SYS_ADMIN)."""
    if os.environ.get(_MARK) == str(os.getpid()):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET), "unshare")
    _check(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "making mounts private")
    _check(libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=0755"), "mounting an empty /run")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ[_MARK] = str(os.getpid())
