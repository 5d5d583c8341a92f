"""The server is killed while keys go into the pool and out of it: no key is ever given twice, and none is half."""

import sqlite3
import threading
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN, Stack, running
from faultlib import connect_patiently
from pcsc import PcscError, verify_command
from processes import wait_until

KILLS = 12
DIGEST = sha256(b"letter").digest()


@pytest.fixture(scope="module")
def stack(scratch):
    with running(Stack(scratch / "pool", server_config="[pool]\nrsa2048 = 2\np256 = 8\n"), stop=False) as started:
        yield started


def pool_on_disk(stack):
    """Number and public key of each row, read beside the server."""
    database = sqlite3.connect(f"file:{stack.data / 'cardea.db'}?mode=ro", uri=True, timeout=20)
    try:
        return {row[0]: (row[1] + row[2]).hex()
                for row in database.execute("SELECT number, modulus, point FROM key_pool")}
    finally:
        database.close()


def ready(stack):
    return {row["algorithm"]: row["ready"] for row in stack.cli("pool", "status")}


def test_pool_fills(stack):
    """[B11] In the background; the numbers are in the metrics."""
    wait_until(lambda: sorted(ready(stack).values()) == [2, 8], 120, "the pool is full")
    assert "cardea_key_pool_ready 10" in stack.https("/metrics").read().decode()


def test_killed_while_taking_and_filling(stack, dice):
    """[B11] Each kill falls into a series of GENERATEs. What the card answered works; no public key appears twice anywhere."""
    card = stack.new_card("piv-yubikey5")
    given, numbers = [], {}
    for _ in range(KILLS):
        for number, key in pool_on_disk(stack).items():
            assert numbers.setdefault(number, key) == key, "a row's number is never used for another key"
        killer = threading.Timer(dice.uniform(0.05, 0.5), stack.server.kill)
        with connect_patiently() as connection:
            piv.authenticate(connection)
            killer.start()
            try:
                while True:
                    given.append(piv.generate(connection)[-65:].hex())
            except (PcscError, AssertionError):
                pass  # killed in the middle
        killer.join()
        left = pool_on_disk(stack)
        assert not set(left.values()) & set(given), "a key that was given is not in the pool"
        stack.start_server()
        with connect_patiently() as connection:
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
            assert piv.sign_p256(connection, DIGEST)[1] == "9000", "the card's key is whole, the old or the new one"
    assert len(set(given)) == len(given), "no key was given twice"
    assert len(given) > KILLS
    assert len(set(numbers.values())) == len(numbers)
    card.remove()
