"""kill -9 of cardead while objects are written: what was acknowledged is there, and nothing is half."""

import pytest

import piv
from faultlib import connect_patiently
from pcsc import PcscError
from victims import Kill, Server

HITS = 15


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-yubikey5")
    yield made
    made.remove()


def test_kills_during_writes(stack, card, dice):
    """[A3] Objects written one after the other: each that was acknowledged is there, and none is half."""
    server, expected = Server(stack), {}
    hits = rounds = 0
    while hits < HITS:
        rounds += 1
        assert rounds <= 2 * HITS, f"only {hits} of {rounds - 1} kills fell into a write"
        connection = connect_patiently()
        piv.authenticate(connection)
        kill = Kill(server, dice.uniform(0.0, 0.25)).start()
        pending = None
        try:
            for n in range(200):
                tag = f"5FC1{0x0D + n % 16:02X}"
                pending = (tag, bytes([rounds, n]) * (50 + 20 * n % 700))
                assert piv.put_object(connection, *pending) == "9000"
                expected[tag] = pending[1]
                pending = None
        except PcscError:
            hits += 1
        kill.join()
        connection.close()
        server.restore(card)
        with connect_patiently() as connection:
            for tag, value in expected.items():
                allowed = [value] + ([pending[1]] if pending and pending[0] == tag else [])
                found = piv.get_object(connection, tag)
                assert found in allowed, f"round {rounds}: object {tag} is neither the old nor the new one"
                expected[tag] = found
    print(f"{hits} of {rounds} kills fell into a write")
