"""Child processes of a scenario: started with a log, ended by process id, never left behind."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path


# Waits and stops are given the time that a machine takes which has nothing else to do; one on which others build meanwhile gets several times that.
PATIENCE = 4


class Child:
    """One background program."""

    # Whether the kernel kills it when the thread that started it ends, however that comes about. For a program that starts all of
    # its children from its main thread.
    dies_with_parent = False

    def __init__(self, name, command, log, env=None):
        self.name, self.command, self.log = name, [str(part) for part in command], Path(log)
        self._env = {**os.environ, **(env or {})}
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        with open(self.log, "ab") as out:
            fuse = ["setpriv", "--pdeathsig", "KILL", "--"] if self.dies_with_parent else []
            self._process = subprocess.Popen(fuse + self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                             env=self._env)
        return self

    def running(self):
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout):
        return self._process.wait(timeout)

    def stop(self, timeout=15 * PATIENCE):
        """SIGTERM, and SIGKILL for one that does not listen; returns its exit status."""
        if self._process is None:
            return None
        if self.running():
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.name} did not stop within {timeout} s of SIGTERM; log:\n{self.text()[-3000:]}") from None
        return self._process.returncode

    def kill(self):
        if self.running():
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(10 * PATIENCE)

    def signal(self, number):
        self._process.send_signal(number)

    def hold(self):
        hold(self.pid)

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def hold(pid):
    """SIGSTOP, until each thread of the process stands: one on another processor may get an answer out after the signal was sent."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    wait_until(lambda: all(" T " in (task / "stat").read_text(encoding="ascii") for task in tasks.iterdir()), 5, f"process {pid} stands")


def wait_until(condition, timeout, what):
    """Polls where no event is to be had; raises AssertionError naming what did not come about."""
    limit = timeout * PATIENCE
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit} s")
        time.sleep(0.02)


def memory_of(pid):
    """All that a process could write to, as one bytes object a region."""
    regions = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            begin, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            if not rights.startswith("rw"):
                continue
            memory.seek(int(begin, 16))
            try:
                regions.append(memory.read(int(end, 16) - int(begin, 16)))
            except OSError:
                continue  # guard pages and the like
    return regions


def descendants(pid):
    out = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="utf-8").split():
            out += descendants(int(child))
    return out
