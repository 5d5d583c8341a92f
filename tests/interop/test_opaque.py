"""PIN login with `@serenity-kit/opaque` at the other end: records made by either client with either server work with all. [C2]"""

import base64
import itertools
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "build" / "node" / "node_modules"

# Their `argon2id-custom` with parallelism 1 is the only one of their settings that libsodium can compute: its Argon2 has one lane.
QUICK = (8 * 1024, 1)
DEFAULT = (64 * 1024, 3)
PIN = "123456"
CARD = "tenant/card/80"


class Peer:
    """One implementation, both halves, over lines of text (tests/support/opaque_peer/main.cpp lists them)."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **environment)

    def __call__(self, verb, *values):
        self.process.stdin.write(" ".join([verb, *map(str, values)]) + "\n")
        answer = self.process.stdout.readline().split()
        assert answer, f"{self.process.args[0]} ended at {verb}"
        assert answer[0] != "error", " ".join(answer)
        return answer[0] if len(answer) == 1 else answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def peers():
    assert (MODULES / "@serenity-kit" / "opaque").is_dir(), "scripts/test installs the Node packages; it was not run"
    made = {
        "ours": Peer(str(ROOT / "build" / "dev" / "bin" / "opaque_peer")),
        "theirs": Peer("node", str(ROOT / "tests" / "support" / "node" / "opaque_peer.js"), env={"PATH": "/usr/bin:/bin", "NODE_PATH": str(MODULES)}),
    }
    yield made
    for peer in made.values():
        peer.close()


def one_setup(peers, maker):
    setup = peers[maker]("new-setup")
    keys = {peer("load-setup", setup) for peer in peers.values()}
    assert len(keys) == 1, "both read the same public key out of the setup"
    return setup, keys.pop()


def enrol(client, server, ksf, pin=PIN, card=CARD):
    response = server("respond", card, client("register", pin))
    return client("finish-registration", response, *ksf)


def log_in(client, server, record, ksf, pin=PIN, card=CARD):
    ke2 = server("challenge", card, record, client("login", pin))
    return client("finish-login", ke2, *ksf)


@pytest.mark.parametrize("maker", ["ours", "theirs"])
def test_the_server_setup_is_the_same_format(peers, maker):
    setup, _ = one_setup(peers, maker)
    assert len(base64.urlsafe_b64decode(setup + "=" * (-len(setup) % 4))) == 128


@pytest.mark.parametrize("registering,registrar,client,server", itertools.product(["ours", "theirs"], repeat=4))
def test_a_record_works_from_every_client_with_every_server(peers, registering, registrar, client, server):
    """One registration, sixteen combinations: the portal in a browser and the agent share a PIN record."""
    _, public_key = one_setup(peers, "theirs")
    record, export_key, seen_key = enrol(peers[registering], peers[registrar], QUICK)
    assert seen_key == public_key

    ke3, session_key, exported = log_in(peers[client], peers[server], record, QUICK)
    assert exported == export_key
    assert peers[server]("prove", ke3) == session_key


@pytest.mark.parametrize("registering,client", [("ours", "theirs"), ("theirs", "ours")])
def test_the_default_stretching_is_the_same_function(peers, registering, client):
    one_setup(peers, "ours")
    record, export_key, _ = enrol(peers[registering], peers["ours"], DEFAULT)
    ke3, session_key, exported = log_in(peers[client], peers["ours"], record, DEFAULT)
    assert exported == export_key
    assert peers["ours"]("prove", ke3) == session_key


@pytest.mark.parametrize("client,server", [("ours", "theirs"), ("theirs", "ours")])
def test_a_wrong_pin_is_refused_across(peers, client, server):
    one_setup(peers, "ours")
    record, _, _ = enrol(peers[client], peers[server], QUICK)
    assert log_in(peers[client], peers[server], record, QUICK, pin="123457") == "denied"
    assert log_in(peers[client], peers[server], record, (8 * 1024, 2)) == "denied"
    assert log_in(peers[client], peers[server], record, QUICK, card="tenant/card/81") == "denied"


@pytest.mark.parametrize("client,server", [("ours", "theirs"), ("theirs", "ours")])
def test_nobody_is_answered_like_somebody(peers, client, server):
    one_setup(peers, "ours")
    record, _, _ = enrol(peers[client], peers[server], QUICK)
    ke1 = peers[client]("login", PIN)
    real = peers[server]("challenge", CARD, record, ke1)
    fake = peers[server]("challenge", "tenant/nobody/80", "-", ke1)
    assert len(fake) == len(real)
    assert peers[client]("finish-login", fake, *QUICK) == "denied"


@pytest.mark.parametrize("client,server", [("ours", "theirs"), ("theirs", "ours")])
def test_a_changed_ke3_proves_nothing(peers, client, server):
    one_setup(peers, "ours")
    record, _, _ = enrol(peers[client], peers[server], QUICK)
    ke3, _, _ = log_in(peers[client], peers[server], record, QUICK)
    changed = ("A" if ke3[0] != "A" else "B") + ke3[1:]
    assert peers[server]("prove", changed) == "denied"
