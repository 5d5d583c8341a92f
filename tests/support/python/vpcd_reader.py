"""A test card in a standard virtual reader (vsmartcard's vpcd) with a pcscd of its own: PC/SC without any other part of Cardea.

    with VpcdReader(directory) as reader:
        reader.insert(profile="piv-nist", drop_after=[40])
        reader.run("opensc-tool", "-a")

pcscd's socket has one fixed path, so reader and clients live in a mount and network namespace made for them; files elsewhere are shared.
"""

import signal
import subprocess
from pathlib import Path

from smartcard import scard

from cardea_stack import build_directory
from processes import Child, wait_until

READER = "Virtual PCD 00 00"
_PORT = 35963
_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
_HOLD = ("mount -t tmpfs none /run && mkdir /run/pcscd && ip link set lo up && echo ready && exec sleep infinity")


class VpcdReader:
    def __init__(self, directory):
        self.directory = Path(directory)
        self._holder = self.pcscd = self.card = None
        self._inserted = 0

    def __enter__(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self._holder = subprocess.Popen(["unshare", "-m", "-n", "sh", "-c", _HOLD], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout.readline() == "ready\n"
        configuration = self.directory / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        (configuration / "vpcd").write_text(f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{_PORT:X}\n'
                                            f"LIBPATH {_DRIVER}\nCHANNELID 0x{_PORT:X}\n", encoding="utf-8")
        self.pcscd = Child("pcscd", self._inside("pcscd", "--foreground", "--config", configuration),
                           self.directory / "pcscd.log").start()
        wait_until(lambda: self.run("test", "-S", "/run/pcscd/pcscd.comm", check=False).returncode == 0, 20, "pcscd is up")
        return self

    def __exit__(self, *_):
        for child in (self.card, self.pcscd):
            if child is not None and child.running():
                child.kill()
        self._holder.kill()
        self._holder.wait()

    def insert(self, profile="piv-yubikey5", drop_after=(), fail_store_after=None):
        """A new card, in place of the one that is in."""
        self.remove()
        options = [part for count in drop_after for part in ("--drop-after", count)]
        if fail_store_after is not None:
            options += ["--fail-store-after", fail_store_after]
        self._inserted += 1
        self.card = Child("vpcd_card", self._inside(build_directory() / "bin" / "vpcd_card", "--port", _PORT, "--profile",
                                                    profile, *options), self.directory / f"card-{self._inserted}.log").start()
        wait_until(self._card_is_in, 20, "the card is in the reader")

    def remove(self):
        if self.card is not None and self.card.running():
            self.card.kill()
            wait_until(lambda: not self._card_is_in(), 20, "the reader is empty")

    def settle(self):
        """No more planned losses; the card is in."""
        self.card.signal(signal.SIGUSR1)
        wait_until(self._card_is_in, 20, "the card is in the reader")

    def wait_until_free(self):
        """No program has the card any more: pcscd has noticed that the one which had it is gone."""
        wait_until(lambda: not self._state() & (scard.SCARD_STATE_INUSE | scard.SCARD_STATE_EXCLUSIVE), 20, "the card is free")

    def _card_is_in(self):
        return bool(self._state() & scard.SCARD_STATE_PRESENT)

    def _state(self):
        """The reader's state as a program beside it sees it; 0 while there is no such reader."""
        script = ("from smartcard import scard; c = scard.SCardEstablishContext(0)[1]; "
                  f"print(scard.SCardGetStatusChange(c, 0, [({READER!r}, 0)])[1][0][1])")
        return int(self.run("/usr/bin/python3", "-c", script, check=False).stdout or 0)

    def _inside(self, *command):
        return ["nsenter", "-t", str(self._holder.pid), "-m", "-n", "--", *map(str, command)]

    def start(self, *command, **more):
        """A program beside the reader, running."""
        return subprocess.Popen(self._inside(*command), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, **more)

    def run(self, *command, check=True, timeout=120, **more):
        """A program beside the reader, to its end."""
        return subprocess.run(self._inside(*command), text=True, capture_output=True, timeout=timeout, check=check,
                              stdin=subprocess.DEVNULL if "input" not in more else None, **more)
