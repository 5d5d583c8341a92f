"""pcscd, several at a time, under the one path that it has.

pcscd and the programs that use it know one place for its socket, /run/pcscd. Here that is a link to where one of those that this process has started
has its files: the one that was started last; when that one has left, the one before it. So a stack that lives for many files of tests is found again
when a file has had one of its own.
"""

import itertools
import os
from pathlib import Path

from processes import Child, wait_until

_FOUND = Path("/run/pcscd")
_numbers = itertools.count(1)
_places = []  # the last one is found


class Place:
    """Where one pcscd after the other has its socket."""

    def __init__(self):
        self.directory = Path(f"/run/pcscd.{next(_numbers)}")

    def to_front(self):
        """Programs find the pcscd that is here."""
        if self in _places:
            _places.remove(self)
        _places.append(self)
        self.directory.mkdir(exist_ok=True)
        _link()

    def leave(self):
        """Programs find the one again that was found before."""
        if self in _places:
            _places.remove(self)
            _link()


def _link():
    if not _places:
        _FOUND.unlink(missing_ok=True)
        return
    made = Path(f"{_FOUND}.new")
    made.unlink(missing_ok=True)
    made.symlink_to(_places[-1].directory)
    os.replace(made, _FOUND)


class Pcscd(Child):
    """One run of it. Binding and removing the socket go by the one path: it is in front while it starts and while it stops."""

    def __init__(self, place, configuration, log, options=()):
        super().__init__("pcscd", ["pcscd", "--foreground", "--config", configuration, *options], log)
        self._place = place

    def start(self, ready=lambda: True):
        """…and waits until programs are heard, and for `ready`."""
        self._place.to_front()
        for leftover in self._place.directory.iterdir():  # of one that was killed: it would keep this one from starting
            leftover.unlink()
        super().start()
        wait_until(lambda: (self._place.directory / "pcscd.comm").exists() and ready(), 20, "pcscd is up")
        return self

    def stop(self, *more):
        if self.running():
            self._place.to_front()
        return super().stop(*more)
