"""Cards with diversified GlobalPlatform keys, through pcscd, driven by an SCP03 host of its own (tests/support/python/scp03.py).

The organisation's master key is imported, as that of a card management system would be: so the test knows the cards' keys.
"""

import os
import random
import threading
import time

import pytest

from card_keys import import_keys
from cardea_stack import CHEAP_PINS, FACTORY_PIN, Stack, running
from pcsc import Connection, PcscError, verify_command
from processes import memory_of, wait_until
import scp02
from scp03 import Scp03, check_value, diversified

MASTER = os.urandom(32)
VERSION = 0x30
SELECT_ISD = "00A4040008A00000015100000000"
SELECT_PIV = "00A4040005A000000308"
PIV_AID = "A000000308000010000100"
GET_STATUS_ISD = "80F28002024F0000"


@pytest.fixture(scope="module")
def stack(scratch):
    with running(Stack(scratch / "gp", server_config=CHEAP_PINS)) as started:
        import_keys(started, (MASTER,), "--kcv", check_value(MASTER).hex())
        yield started


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-nist")
    yield made
    made.remove()


def card_keys(kdd):
    return diversified(MASTER, kdd)


def selected(connection, select=SELECT_ISD):
    assert connection.sw(select) == "9000"
    return connection


def channel(connection, keys=card_keys, version=0):
    return Scp03(connection.transmit, keys, version)


def patiently(act, seconds=40):
    """`act(connection)` once the card is back in the reader."""
    end = time.monotonic() + seconds
    while True:
        try:
            with Connection() as connection:
                return act(connection)
        except PcscError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_what_is_shown_of_the_card(stack, card):
    """[A6] Its key version, and the data that its keys follow from."""
    shown = stack.cli("card", "show", card.id)
    assert shown["card_manager"] == {"key_versions": ["30"], "note": "open to whoever has its keys"}
    with Connection() as connection:
        selected(connection)
        data, word = connection.transmit("80CA00E000")
        assert (data, word) == ("E012C00401308820C00402308820C00403308820", "9000")
        data, word = connection.transmit("80CA00CF00")
        assert word == "9000" and bytes.fromhex(data)[2:] == bytes(4) + shown["serial"].to_bytes(4, "big") + bytes(2)


@pytest.mark.parametrize("level", [0x01, 0x03, 0x11, 0x13, 0x33])
def test_a_channel_with_diversified_keys(card, level):
    """[A6] The keys are those that the issuer makes of the same master key; GET STATUS goes through at every level."""
    with Connection() as connection:
        host = channel(selected(connection)).open(level)
        assert (host.version, host.options) == (VERSION, 0x70)
        data, word = host.send(GET_STATUS_ISD)
        assert word == "9000" and data.startswith("E3") and "4F08A000000151000000" in data
        assert host.send(GET_STATUS_ISD) == (data, "9000")


def test_other_keys_open_nothing(card):
    """[A6] Keys of another card, and the master key itself."""
    with Connection() as connection:
        selected(connection)
        for keys in (lambda kdd: diversified(MASTER, kdd[:7] + bytes([kdd[7] ^ 1]) + kdd[8:]), (MASTER,) * 3):
            with pytest.raises(AssertionError):
                channel(connection, keys).initialize()


def test_refused_authentication(card):
    """[A6][F6] Wrong MAC 6982, wrong cryptogram 6300, and either ends the attempt: 6985."""
    with Connection() as connection:
        selected(connection)
        host = channel(connection)
        assert connection.sw("848233001000112233445566778899AABBCCDDEEFF") == "6985"
        assert host.initialize().authenticate(mac=bytes(8)) == "6982"
        assert connection.sw("848233001000112233445566778899AABBCCDDEEFF") == "6985"
        assert host.initialize().authenticate(cryptogram=bytes(8)) == "6300"
        assert connection.sw("848233001000112233445566778899AABBCCDDEEFF") == "6985"
        assert host.initialize().authenticate(level=0x31) == "6A86"
        assert host.open().send(GET_STATUS_ISD)[1] == "9000"


def test_a_violated_session_is_over(card):
    """[A6] Unwrapped, replayed, re-ordered and damaged commands: 6982, and the session is closed."""
    def unwrapped(connection, host):
        return connection.sw(GET_STATUS_ISD)

    def replayed(connection, host):
        command = host.wrap(GET_STATUS_ISD)
        assert connection.transmit(command)[1] == "9000"
        return connection.sw(command)

    def reordered(connection, host):
        host.wrap(GET_STATUS_ISD)
        return connection.sw(host.wrap(GET_STATUS_ISD))

    def damaged(connection, host):
        command = bytearray.fromhex(host.wrap(GET_STATUS_ISD))
        command[-2] ^= 1
        return connection.sw(command.hex())

    for violate in (unwrapped, replayed, reordered, damaged):
        with Connection() as connection:
            host = channel(selected(connection)).open()
            assert violate(connection, host) == "6982", violate.__name__
            assert connection.sw(host.wrap(GET_STATUS_ISD)) == "6982", violate.__name__


def test_put_key(stack):
    """[A6] The issuer replaces the keys that the card was made with; neither survives the other."""
    card = stack.new_card("piv-yubikey5")
    fresh = tuple(os.urandom(16) for _ in range(3))
    with Connection() as connection:
        selected(connection)
        host = channel(connection).open()
        data, word = host.put_key(VERSION, 0x31, fresh)
        assert (data, word) == ("31" + "".join(check_value(key).hex().upper() for key in fresh), "9000")
        assert host.send(GET_STATUS_ISD)[1] == "9000"
        assert connection.sw(f"8050{VERSION:02X}0008000102030405060700") == "6A88"
        again = channel(connection, fresh, 0x31).open()
        assert again.send(GET_STATUS_ISD)[1] == "9000" and again.version == 0x31
    assert stack.cli("card", "show", card.id)["card_manager"]["key_versions"] == ["31"]
    actions = [line["action"] for line in stack.cli("audit", "list", "--card", card.id)]
    assert "keyset.replace" in actions
    card.remove()


def test_pins_through_the_channel(stack, card):
    """[A6][C2] A card management system sets PIN and PUK without the old ones; the holder's agent logs in with them."""
    with Connection() as connection:
        selected(connection, SELECT_PIV)
        host = Scp03(connection.transmit, card_keys, aid=PIV_AID).open(0x33)
        for reference, value in (("80", b"849173\xff\xff"), ("81", b"72819365")):
            assert host.send(f"8024FF{reference}08{value.hex()}")[1] == "9000"
        assert host.send("8024FF8008" + b"123456\xff\xff".hex())[1] == "6A80"  # what everybody tries first
    with Connection() as connection:
        selected(connection, SELECT_PIV)
        assert connection.sw("8024FF8008" + b"849173\xff\xff".hex()) != "9000"
        assert connection.sw(verify_command(FACTORY_PIN)) == "63C2"
        assert connection.sw(verify_command("849173")) == "9000"
        assert connection.sw("0020FF80") == "9000"
        # The card has left its issuance: from now on its secret is its holder's, and no administrator sets a PIN.
        host = Scp03(connection.transmit, card_keys, aid=PIV_AID).open(0x33)
        assert host.send("8024FF8008" + b"602815\xff\xff".hex())[1] == "6982"
    with Connection() as connection:
        selected(connection, SELECT_PIV)
        assert connection.sw(verify_command("849173")) == "9000"
    shown = stack.cli("card", "show", card.id)
    assert not shown["pins"]["pin"]["factory_value"] and not shown["pins"]["puk"]["factory_value"]
    assert not shown["passcode"]["in_issuance"] and {"pin", "puk"} <= set(shown["passcode"]["holders"])


def test_an_organisation_without_card_keys(stack):
    """[A6] Nobody opens a channel to its cards, and `cardea card show` says so."""
    stack.cli("org", "card-keys", "retire", stack.organisation, "--execute")
    card = stack.new_card("piv-nist")
    try:
        with Connection() as connection:
            selected(connection)
            assert connection.sw("80500000080001020304050607") == "6A88"
        assert stack.cli("card", "show", card.id)["card_manager"] == {
            "key_versions": [], "note": "closed: it has no keys (cardea org card-keys)"}
    finally:
        card.remove()
        import_keys(stack, (MASTER,))


@pytest.mark.parametrize("scheme, make", [("visa2", scp02.visa2), ("emv", scp02.emv)])
def test_triple_des(stack, scheme, make):
    """[A6] An organisation whose management system speaks SCP02: a set of three master keys, diversified as it does."""
    masters = tuple(os.urandom(16) for _ in range(3))
    stack.cli("org", "card-keys", "retire", stack.organisation, "--execute")
    imported = import_keys(stack, masters, "--algorithm", "tdes-2key", "--three", "--diversification", scheme)
    assert imported["protocol"] == "scp02" and imported["i"] == "55"
    assert imported["check_values"] == [scp02.check_value(key).hex().upper() for key in masters]
    card = stack.new_card("piv-nist")
    try:
        def keys(kdd):
            return tuple(make(master, kdd)[i] for i, master in enumerate(masters))

        with Connection() as connection:
            selected(connection)
            assert "06092A864886FC6B040255" in connection.transmit("80CA006600")[0]
            for level in (0x01, 0x03):
                host = scp02.Scp02(connection.transmit, keys).open(level)
                data, word = host.send(GET_STATUS_ISD)
                assert word == "9000" and data.startswith("E3")
    finally:
        card.remove()
        stack.cli("org", "card-keys", "retire", stack.organisation, "--execute")
        import_keys(stack, (MASTER,))


def test_the_hsm_gets_a_new_key_encryption_key(stack, card):
    """[A6][B10] Keys of cards and their master keys are wrapped anew: channels open, and cards are made, when the old key is gone."""
    before = stack.cli("hsm", "rotate", "--org", stack.organisation)

    def at_rest():
        status, = (row for row in stack.cli("hsm", "status") if row["name"] == stack.organisation)
        return status["state"] == "at rest" and status["left"] == 0 and status["version"] == before["version"]

    wait_until(at_rest, 60, "all keys are wrapped anew")
    assert stack.cli("hsm", "retire", "--org", stack.organisation)["oldest_version"] == before["version"]
    with Connection() as connection:
        assert channel(selected(connection)).open().send(GET_STATUS_ISD)[1] == "9000"
    card.eject()
    another = stack.new_card("piv-nist")
    with Connection() as connection:
        assert channel(selected(connection)).open().send(GET_STATUS_ISD)[1] == "9000"
    another.remove()
    card.insert()


def test_card_keys_stay_out_of_the_server(stack):
    """[A6][B3] While cards are made and channels are open, no card's key is in the memory of cardead: they are derived, wrapped
    and used in the signers."""
    # What the import has left behind is the master key's own trace, not a card's; a fresh process has neither.
    stack.server.stop()
    stack.start_server()
    card = stack.new_card("piv-nist")
    try:
        def look(connection):
            host = channel(selected(connection)).open()
            assert host.send(GET_STATUS_ISD)[1] == "9000"
            memory = memory_of(stack.server.pid)
            # The search finds what is there: the diversification data is no secret.
            assert any(host.kdd in region for region in memory)
            for key in (MASTER, *card_keys(host.kdd)):
                for octets in (key, key[:16], key.hex().encode(), key.hex().upper().encode()):
                    assert not any(octets in region for region in memory), "a key is in the server's memory"

        patiently(look)
    finally:
        card.remove()


def test_the_sequence_counter_never_repeats(stack):
    """[A6] Channels are opened while cardead is killed again and again: each that stood had a number of its own, and they grow."""
    dice = random.Random(4)
    card = stack.new_card("piv-nist")
    numbers = []
    kills = 0
    try:
        while kills < 6:
            killer = threading.Timer(dice.uniform(0.02, 0.4), stack.server.kill)
            killer.start()
            try:
                with Connection() as connection:
                    selected(connection)
                    while True:
                        host = channel(connection).open(0x01)
                        numbers.append(host.sequence)
            except (PcscError, AssertionError):
                killer.join()  # the server has gone in the middle of something
            kills += 1
            stack.start_server()
            stack.wait_for_card(present=True, timeout=40)
        patiently(lambda connection: numbers.append(channel(selected(connection)).open().sequence))
    finally:
        wait_until(lambda: stack.readiness()[0] == 200, 30, "cardead is ready")
        card.remove()
    assert len(numbers) > 6
    assert numbers == sorted(set(numbers)), numbers
