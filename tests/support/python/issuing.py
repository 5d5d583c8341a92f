"""`cardea-agent issue` as a child whose events are waited for, and what a card management system does to a card."""

import json
import os
import select
import signal
import subprocess
import time

from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, READER

PIN, PUK = "471147", "31415926"
MANAGEMENT_KEY = "7A" * 24


class Issue:
    """A running `cardea-agent issue … --json`."""

    def __init__(self, stack, *arguments, state=None):
        self.stack, self.state = stack, state or stack.agent_state
        self._begin([stack.bin / "cardea-agent", "--state-dir", self.state, "issue", *arguments, "--json"])

    def _begin(self, command, environment=None):
        self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env=environment)
        self._rest = b""
        self.seen = []

    @property
    def pid(self):
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.stdout.close()
        self._process.stderr.close()

    def next_event(self, timeout):
        """The next line, or None at the end of them."""
        end = time.monotonic() + timeout
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no event within {timeout} s; so far {self.seen}"
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                return None
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        self.seen.append(json.loads(line))
        return self.seen[-1]

    def wait_for(self, event, timeout=60):
        """The next event of this name; others pass by."""
        while True:
            got = self.next_event(timeout)
            assert got is not None, f"no '{event}': {self.seen} {self._process.stderr.read().decode()}"
            if got["event"] == event:
                return got

    def presented(self):
        """The next card, once it is in the reader."""
        event = self.wait_for("presented")
        self.stack.wait_for_card(present=True)
        return event

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)

    def kill(self):
        self._process.kill()
        self._process.wait(10)

    def end(self, timeout=60):
        """(exit status, standard error) once it has ended."""
        while self.next_event(timeout) is not None:
            pass
        status = self._process.wait(timeout)
        return status, self._process.stderr.read().decode()


def ykman(*arguments):
    done = subprocess.run(["ykman", "-r", READER, "piv", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"ykman {arguments}: {done.stdout} {done.stderr}"


def change_pin():
    ykman("access", "change-pin", "-P", FACTORY_PIN, "-n", PIN)


def change_puk():
    ykman("access", "change-puk", "-p", FACTORY_PUK, "-n", PUK)


def change_management_key():
    ykman("access", "change-management-key", "-a", "TDES", "-m", FACTORY_MANAGEMENT_KEY, "-n", MANAGEMENT_KEY)


def self_sign(directory, slot, subject, pin=FACTORY_PIN, management_key=MANAGEMENT_KEY):
    """A P-256 key and a certificate that it signs itself, by ykman."""
    public = directory / f"{slot}.pem"
    ykman("keys", "generate", "-m", management_key, "-a", "ECCP256", slot, str(public))
    ykman("certificates", "generate", "-m", management_key, "-P", pin, "-s", subject, slot, str(public))


def enrol_user(stack, state, user):
    enrol(stack, state, "--org", stack.organisation, "--user", user)


def enrol(stack, state, *whom):
    code = stack.cli("device", "code", *whom)["code"]
    subprocess.run([stack.bin / "cardea-agent", "--state-dir", state, "enrol", "--server", f"https://127.0.0.1:{stack.port}", "--ca",
                    stack.data / "tls" / "ca.pem", "--code-file", "-"], input=code + "\n", text=True, check=True, capture_output=True,
                   timeout=60)
