"""kill -9 during PIN and PUK tries: counters are never above the truth, and each try that was answered is counted."""

import itertools
import time

import pytest

import piv
from cardea_stack import FACTORY_PIN, FACTORY_PUK
from faultlib import REMOVED, connect_patiently
from pcsc import PcscError, verify_command
from victims import VICTIMS, Kill

# Kills that have to fall into a try that is not answered yet. With the 20 of test_issuance_killed.py cardead is hit 50 times.
HITS = {"server": 30, "agent": 12, "signers": 12}
FULL = 5  # so many tries, that a right one may be lost after two wrong ones
ANSWER_LIMIT = 45  # seconds: far above what an answer takes, far below a hang


def change(reference, old, new):
    return f"002400{reference}10" + (old.ljust(8, "\xff") + new.ljust(8, "\xff")).encode("latin-1").hex().upper()


PIN = {"name": "pin", "metadata": "00F7008000", "right": verify_command(FACTORY_PIN), "wrong": verify_command("000000")}
PUK = {"name": "puk", "metadata": "00F7008100", "right": change("81", FACTORY_PUK, FACTORY_PUK), "wrong": change("81", "00000000", "11111111")}


@pytest.fixture(params=list(HITS))
def victim(stack, request):
    return VICTIMS[request.param](stack)


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        assert connection.sw(PIN["right"]) == "9000"
        assert connection.sw(f"00FA{FULL:02X}{FULL:02X}") == "9000"
    yield made
    made.remove()


def tries_left(stack, card, connection, secret):
    """As the card says, which has to be what the server's records say."""
    data, sw = connection.transmit(secret["metadata"])
    assert sw == "9000", sw
    left = int(data[-2:], 16)
    assert stack.cli("card", "show", card.id)["pins"][secret["name"]]["tries_left"] == left
    return left


def time_of_a_try(connection):
    """How long a wrong PIN takes here and now, in seconds; the counter is full afterwards."""
    assert connection.sw(PIN["right"]) == "9000"
    began = time.monotonic()
    for left in (4, 3):
        assert connection.sw(PIN["wrong"]) == f"63C{left}"
    took = (time.monotonic() - began) / 2
    assert connection.sw(PIN["right"]) == "9000"
    return took


def tries_until(kill, connection, secret):
    """Wrong, wrong, right, and again, until the kill has come: (what was under way then, the least and the most that may be left)."""
    least = most = FULL
    for kind in itertools.cycle(("wrong", "wrong", "right")):
        began = time.monotonic()
        try:
            sw = connection.sw(secret[kind])
        except PcscError as problem:
            error = f"0x{problem.code:08X}"
            assert time.monotonic() - began < ANSWER_LIMIT, "no answer in time"
            assert error in REMOVED and not kill.victim.answers_on, error
            # Not answered: it may have cost its try, or filled the counter if it was right.
            return kind, least - 1, FULL if kind == "right" else most
        if kind == "right":
            assert sw == "9000", sw
            # The proof of a right PIN rides on the next command. If that is lost, the try that it cost comes back, and no more.
            least, most = most, FULL
        else:
            assert sw == f"63C{most - 1}", sw
            least = most = most - 1
        if kill.victim.answers_on and kill.over():
            return kind, least, most
    raise AssertionError("unreachable")


def test_killed_during_tries(stack, card, victim, dice):
    """[C3] [B9] Wrong and right PINs and PUKs one after the other, a kill among them; the counter is the truth when all is up again."""
    hits = {}
    for round_number in range(HITS[victim.name]):
        secret = dice.choice((PIN, PIN, PIN, PUK))
        with connect_patiently() as connection:
            # A PUK is tried as quickly as a PIN; what takes longer is the agent's work on the new value.
            delay = dice.uniform(0, 3 * time_of_a_try(connection))
            assert secret is PIN or connection.sw(PUK["right"]) == "9000"
            kill = Kill(victim, delay).start()
            kind, least, most = tries_until(kill, connection, secret)
            kill.join()
        victim.restore(card)
        with connect_patiently() as connection:
            left = tries_left(stack, card, connection, secret)
        assert least <= left <= most, f"round {round_number}: {left} tries of the {secret['name']} left, not {least} to {most}"
        hits[f"{kind} {secret['name']}"] = hits.get(f"{kind} {secret['name']}", 0) + 1
    print(f"kills during tries: {hits}")
    assert sum(hits.values()) == HITS[victim.name]
    assert sum(number for what, number in hits.items() if what.startswith("wrong")) > HITS[victim.name] / 4
