"""kill -9 of cardead: counters are never above the truth, what was acknowledged is there."""

import threading
import time

import pytest

import piv
from cardea_stack import FACTORY_PIN
from faultlib import connect_patiently, tries_left
from pcsc import PcscError, verify_command

WRONG = verify_command("000000")
KILLS = 35


def killed_after(stack, delay):
    """A thread that kills cardead after `delay` seconds."""
    thread = threading.Thread(target=lambda: (time.sleep(delay), stack.server.kill()))
    thread.start()
    return thread


def back_again(stack):
    """The server restarted and the card in the reader once more."""
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-yubikey5")
    yield made
    made.remove()


def time_of_a_try(connection):
    """How long a wrong try takes here and now, in seconds; the counter is full afterwards."""
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    began = time.monotonic()
    for left in (2, 1):
        assert connection.sw(WRONG) == f"63C{left}"
    took = (time.monotonic() - began) / 2
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    return took


def test_kills_during_pin_tries(stack, card, dice):
    """[C3] Wrong tries, kills at random moments: after each restart the counter is at most what the acknowledged tries leave."""
    hits = {"during the first try": 0, "during the second": 0, "after both": 0}
    for round_number in range(KILLS):
        acknowledged = started = 0
        with connect_patiently() as connection:
            # Kills fall evenly over the two tries and a little beyond, however fast the machine is.
            took = time_of_a_try(connection)
            killer = killed_after(stack, dice.uniform(0.0, 2.3 * took))
            try:
                for _ in range(2):
                    started += 1
                    sw = connection.sw(WRONG)
                    assert sw == f"63C{3 - started}", f"round {round_number}: {sw}"
                    acknowledged += 1
            except PcscError:
                pass
            killer.join()
        hits[list(hits)[acknowledged]] += 1
        back_again(stack)
        with connect_patiently() as connection:
            left = tries_left(connection)
        assert 3 - started <= left <= 3 - acknowledged, \
            f"round {round_number}: {left} tries left after {acknowledged} of {started} answers"
    print(f"{KILLS} kills: {hits}; a try takes {1000 * took:.0f} ms")


def test_kills_during_writes(stack, card, dice):
    """[A3] Objects written one after the other: each that was acknowledged is there, and none is half."""
    expected = {}
    for round_number in range(15):
        connection = connect_patiently()
        piv.authenticate(connection)
        killer = killed_after(stack, dice.uniform(0.0, 0.25))
        pending = None
        try:
            for n in range(200):
                tag = f"5FC1{0x0D + n % 16:02X}"
                pending = (tag, bytes([round_number, n]) * (50 + 20 * n % 700))
                assert piv.put_object(connection, *pending) == "9000"
                expected[tag] = pending[1]
                pending = None
        except PcscError:
            pass
        killer.join()
        connection.close()
        back_again(stack)
        with connect_patiently() as connection:
            for tag, value in expected.items():
                allowed = [value] + ([pending[1]] if pending and pending[0] == tag else [])
                found = piv.get_object(connection, tag)
                assert found in allowed, f"round {round_number}: object {tag} is neither the old nor the new one"
                expected[tag] = found
