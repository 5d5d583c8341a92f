"""kill -9 during issuances: what was acknowledged is on the card, PIN and PUK counters are the truth, and each issuance comes to its end."""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass

import pytest

import piv
from cardea_stack import FACTORY_PIN, FACTORY_PUK, OPENSC_MODULE, READER, ROOT
from faultlib import connect_patiently
from pcsc import verify_command
from victims import VICTIMS, Kill

# Kills that have to fall into a running issuance. With the 30 of test_tries_killed.py cardead is hit 50 times.
HITS = {"server": 20, "agent": 5, "signers": 8}
PLAN = ROOT / "cms-connector/perso/plans/piv-p256.json"
PIN, PUK = "471147", "31415926"
SLOTS = {"9A": "005FC105", "9C": "005FC10A", "9D": "005FC10B", "9E": "005FC101"}
OBJECTS = {"chuid": "005FC102", "ccc": "005FC107", "key-history": "005FC10C", **{f"{slot}/store": tag for slot, tag in SLOTS.items()}}
# The steps of the plan that present PIN or PUK.
STEPS = 25
FULL = 9  # so many tries that no kill blocks a card
VALUES = {"pin": (FACTORY_PIN, PIN), "puk": (FACTORY_PUK, PUK)}
TRIES = {"pin": ("9A/request", "9C/request", "9D/request", "pin"), "puk": ("puk",)}
REFERENCES = {"pin": "80", "puk": "81"}


def step_id(title):
    """The name that the state file has for a step, from its title in the progress."""
    slot = re.match(r"(9[ACDE]) (generate|certificate request|certificate from|store)", title)
    if slot:
        return f"{slot[1]}/" + {"certificate request": "request", "certificate from": "certificate"}.get(slot[2], slot[2])
    return {"select PIV": "open", "authenticate with the management key": "authenticate", "write CHUID": "chuid",
            "write card capability container": "ccc", "write discovery object": "discovery", "write key history": "key-history",
            "set the PUK": "puk", "set the PIN": "pin", "set the management key": "management-key"}[title]


@dataclass
class Run:
    """What a run of cardea-cms said."""

    status: int
    done: list
    failed: str
    error: str
    began: float
    ended: float


class Issuance:
    """One card and the runs of cardea-cms that issue it; what they had an answer for."""

    def __init__(self, stack, directory):
        self.stack, self.directory = stack, directory
        self.card = stack.new_card("piv-yubikey5")
        self.state_file = directory / "state.json"
        self.state_file.unlink(missing_ok=True)
        self.acknowledged = set()
        with connect_patiently() as connection:
            piv.authenticate(connection)
            assert present(connection, "pin", FACTORY_PIN) == "9000"
            assert connection.sw(f"00FA{FULL:02X}{FULL:02X}") == "9000"

    def state(self):
        return json.loads(self.state_file.read_text(encoding="utf-8")) if self.state_file.exists() else {"begun": [], "done": []}

    def _command(self):
        secrets = [part for name in ("pin", "puk", "management-key") for part in (f"--{name}-file", self.directory / name)]
        verb = ["resume"] if self.state_file.exists() else ["issue", "--plan", PLAN, "--subject", "CN=Interrupted Holder"]
        return [str(part) for part in [self.stack.bin / "cardea-cms", *verb, "--reader", READER, "--ca", self.directory / "ca", *secrets,
                                       "--state", self.state_file, "--execute", "--json"]]

    def run(self, kills=None):
        """One run to its end. `kills`: {number of steps that are done when it is started: Kill}."""
        kills = kills or {}
        began = time.monotonic()
        process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        done, failed, rest = [], None, []
        if 0 in kills:
            kills[0].start()
        for line in process.stderr:
            step = re.match(r"\[ *\d+/\d+\] (.*) … (.*)$", line)
            if not step:
                rest.append(line)
            elif step[2] == "failed":
                failed = step_id(step[1])
            else:
                done.append(step_id(step[1]))
                if len(done) in kills:
                    kills[len(done)].start()
        status = process.wait(120)
        self.acknowledged |= set(done)
        return Run(status, done, failed, "".join(rest), began, time.monotonic())


def metadata(connection, reference):
    """{tag: value} of GET METADATA, None when there is no key."""
    data, sw = connection.transmit(f"00F700{reference}00")
    if sw == "6A88":
        return None
    assert sw == "9000", sw
    octets, out = bytes.fromhex(data), {}
    while octets:
        out[octets[0]] = octets[2:2 + octets[1]]
        octets = octets[2 + octets[1]:]
    return out


def counters(stack, card, connection):
    """{pin, puk: tries left}; card and server agree."""
    shown = stack.cli("card", "show", card.id)["pins"]
    left = {name: metadata(connection, REFERENCES[name])[6][1] for name in TRIES}
    assert left == {name: shown[name]["tries_left"] for name in TRIES}
    return left


def present(connection, name, value):
    """The status word for this PIN or PUK."""
    if name == "pin":
        return connection.sw(verify_command(value))
    field = value.ljust(8, "\xff").encode("latin-1").hex().upper()
    return connection.sw(f"0024008110{field}{field}")


def spend_tries(issuance, connection, begun):
    """One wrong try of each value that the next run cannot be in doubt about; else full counters. {pin, puk: tries left}."""
    left = counters(issuance.stack, issuance.card, connection)
    for name, (factory, new) in VALUES.items():
        if name not in begun:
            if left[name] == FULL:
                assert present(connection, name, "99999999") == f"63C{FULL - 1}"
                left[name] = FULL - 1
            continue
        # What cardea-cms had no answer for may have happened or not. What it had one for has.
        if present(connection, name, new) != "9000":
            assert name not in issuance.acknowledged, f"{name}: the new value, which was acknowledged, is not the card's"
            assert present(connection, name, factory) == "9000", f"{name}: neither the old nor the new value"
        left[name] = FULL
    return left


def check_counters(issuance, connection, before, run, was):
    """Not above the truth, and not below it: a right value fills the counter; one that nobody answered may have cost its try."""
    after = counters(issuance.stack, issuance.card, connection)
    for name, steps in TRIES.items():
        sure = FULL if any(step in steps and step not in was["done"] for step in run.done) else before[name]
        possible = {sure}
        if run.failed in steps:
            # A change that an earlier run began is tried with the old value and then with the new one.
            possible |= {FULL, sure - 1} | ({sure - 2} if run.failed in was["begun"] else set())
        assert after[name] in possible, f"{name}: {after[name]} tries left, {sorted(possible)} are possible; {run}"


def check_card(issuance, connection, failed):
    """All that cardea-cms had an answer for is on the card, whole."""
    state = issuance.state()
    for step in issuance.acknowledged - {failed}:
        if step in OBJECTS:
            assert piv.get_object(connection, OBJECTS[step][2:]) == bytes.fromhex(state["objects"][OBJECTS[step]]["content"]), step
        elif step.endswith("/generate"):
            slot = step[:2]
            assert metadata(connection, slot)[4] == bytes.fromhex(state["slots"][slot]["public_key"])[-67:], step
        elif step == "management-key":
            assert metadata(connection, "9B")[5] == b"\x00", "the factory's management key again"
    assert issuance.acknowledged - {"open", "authenticate"} <= set(state["done"])


@pytest.fixture(params=list(HITS))
def victim(stack, request):
    return VICTIMS[request.param](stack)


@pytest.fixture(scope="module")
def directory(stack, tmp_path_factory):
    """Secrets and an authority."""
    path = tmp_path_factory.mktemp("issuance")
    for name, value in {"pin": PIN, "puk": PUK, "management-key": os.urandom(24).hex()}.items():
        (path / name).touch(mode=0o600)
        (path / name).write_text(value + "\n", encoding="utf-8")
    subprocess.run([stack.bin / "cardea-cms", "ca", "init", path / "ca"], check=True, capture_output=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def step_time(stack, directory):
    """Seconds that a step of an undisturbed issuance takes, on average; the card is issued and checked."""
    issuance = Issuance(stack, directory)
    run = issuance.run()
    assert run.status == 0, run.error
    with connect_patiently() as connection:
        check_card(issuance, connection, None)
        assert counters(issuance.stack, issuance.card, connection) == {"pin": FULL, "puk": FULL}
    issuance.card.remove()
    return (run.ended - run.began) / len(run.done)


def moments_to_kill(issuance, victim, dice, step_time):
    """{number of steps done: Kill}. A resumed run passes quickly over what is done: the kill is to fall behind that. What answers on
    is killed more than once."""
    first = min(len(issuance.acknowledged), STEPS - 1)
    steps = dice.sample(range(first, STEPS), min(4, STEPS - first)) if victim.answers_on else [dice.randrange(first, min(first + 8, STEPS))]
    return {step: Kill(victim, dice.uniform(0, step_time)) for step in steps}


def status_of(run, victim):
    """Without signers the card refuses (1). Otherwise it went away, before anything was done to it (3) or later (5)."""
    if run.done and run.failed is None:
        return 0
    if victim.answers_on:
        return 1
    return 3 if run.failed in (None, "open") else 5


def run_and_check(issuance, victim, kills):
    """One run with kills in it, and what is found afterwards; (kills that fell into the run, all kills, whether it finished)."""
    was = issuance.state()
    with connect_patiently() as connection:
        before = spend_tries(issuance, connection, was["begun"])
    run = issuance.run(kills)
    moments = [at for at in (kill.join() for kill in kills.values()) if at is not None]
    if moments:
        victim.restore(issuance.card)
    assert run.ended - run.began < 60, "cardea-cms hung"
    assert run.status == status_of(run, victim), run
    with connect_patiently() as connection:
        check_counters(issuance, connection, before, run, was)
        check_card(issuance, connection, run.failed)
    hits = sum(at < run.ended for at in moments) if victim.answers_on or run.status != 0 else 0
    return hits, len(moments), run.status == 0


def complete(issuance):
    """The issued card in other hands; its PIN and PUK are the new ones."""
    listing = subprocess.run(["pkcs11-tool", "--module", OPENSC_MODULE, "-O"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert listing.count("Certificate Object") == len(SLOTS)
    with connect_patiently() as connection:
        assert [present(connection, name, new) for name, (_, new) in VALUES.items()] == ["9000", "9000"]
    issuance.card.remove()


def test_killed_during_issuance(stack, directory, step_time, victim, dice):
    """[A2] [B9] [C3] Server, agent or signers are killed again and again; `cardea-cms resume` brings each card to its end, once and whole."""
    issuance = Issuance(stack, directory)
    try:
        hits = kills = cards = 0
        finished = False
        while hits < HITS[victim.name] or not finished:
            if finished:
                complete(issuance)
                issuance = Issuance(stack, directory)
            assert kills <= 3 * HITS[victim.name], f"only {hits} of {kills} kills fell into an issuance"
            enough = hits >= HITS[victim.name]
            more_hits, more_kills, finished = run_and_check(
                issuance, victim, {} if enough else moments_to_kill(issuance, victim, dice, step_time))
            assert finished or not enough
            hits, kills, cards = hits + more_hits, kills + more_kills, cards + finished
        print(f"{hits} of {kills} kills fell into the issuance of {cards} cards")
        complete(issuance)
    finally:
        stack.agent_cli("eject", issuance.card.id, check=False)
