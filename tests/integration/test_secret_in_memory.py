"""The card's secret is in the server's memory while its holder is logged in, and at no other time.

The test knows the secret because it is the escrow officer: the tenant's escrow key is its own.
"""

import base64
import importlib.util
import os
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from cardea_stack import CHEAP_PINS, FACTORY_PIN, Stack, running
from pcsc import Connection, verify_command
from processes import descendants, memory_of, wait_until

PIN = "7391846"
SELECT_PIV = "00A4040005A000000308"
INFO = b"cardea/1 card secret copy"


def golden():
    """The second implementation of the formats, which made the golden files."""
    path = Path(__file__).resolve().parents[1] / "golden" / "make_golden.py"
    spec = importlib.util.spec_from_file_location("make_golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_escrow_copy(private, tenant, card, copy):
    """vault/README.md, "Copies of the card's secret": HPKE in base mode (RFC 9180, 5.1) to the officer's key."""
    g = golden()
    head, enc, sealed = copy[:35], copy[35:67], copy[67:]
    assert head[:3] == bytes([1, 2, g.CHACHA])
    dh = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(enc))
    shared = g.labeled_expand(g.KEM_SUITE, g.labeled_extract(g.KEM_SUITE, b"", b"eae_prk", dh), b"shared_secret",
                              enc + g.public_of(private), 32)
    suite = b"HPKE" + bytes([0x00, 0x20, 0x00, 0x01, 0x00, g.CHACHA])
    context = b"\0" + g.labeled_extract(suite, b"", b"psk_id_hash", b"") + g.labeled_extract(suite, b"", b"info_hash", INFO)
    secret = g.labeled_extract(suite, shared, b"secret", b"")
    aad = b"cardea/1 card secret" + g.x16(tenant) + g.x16(card) + g.x16(b"escrow") + head
    opened = ChaCha20Poly1305(g.labeled_expand(suite, secret, b"key", context, 32)).decrypt(
        g.labeled_expand(suite, secret, b"base_nonce", context, 12), sealed, aad)
    assert g.public_of(opened) == head[3:35], "this is no secret of the card"
    return opened


@pytest.fixture(scope="module")
def stack(scratch):
    with running(Stack(scratch / "m", server_config=CHEAP_PINS)) as started:
        yield started


@pytest.fixture(scope="module")
def card(stack):
    """A card whose secret is known: (card, secret)."""
    private = os.urandom(32)
    organisation, = (row["id"] for row in stack.cli("org", "list") if row["name"] == stack.organisation)
    public = base64.urlsafe_b64encode(golden().public_of(private)).decode().rstrip("=")
    stack.cli("org", "escrow", organisation, "--public-key", public)
    made = stack.new_card("piv-yubikey5")
    with Connection() as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        for command, old, new in (("00240080", FACTORY_PIN, PIN), ("00240081", "12345678", "58209317")):
            field = old.encode().ljust(8, b"\xff") + new.encode().ljust(8, b"\xff")
            assert connection.sw(f"{command}10{field.hex()}") == "9000"
    shown = stack.cli("card", "show", made.id)["passcode"]
    assert not shown["in_issuance"] and "escrow" in shown["holders"]
    with sqlite3.connect(stack.data / "cardea.db") as database:
        copy, = database.execute("SELECT copy FROM card_secrets JOIN cards ON card = number WHERE id = ? AND card_secrets.holder = 'escrow'",
                                 (made.id,)).fetchone()
    yield made, open_escrow_copy(private, organisation.encode(), made.id.encode(), copy)
    made.remove()


def times_in_memory(stack, secret):
    return sum(region.count(secret) for process in descendants(stack.server.pid) for region in memory_of(process))


def log_in(stack, connection, secret):
    """…and sees that the search finds what is there."""
    assert connection.sw(SELECT_PIV) == "9000"
    assert connection.sw(verify_command(PIN)) == "9000"
    assert connection.sw("00CB3FFF035C017E00") == "9000"  # the login has been proven by now
    assert times_in_memory(stack, secret) >= 1


def is_gone(stack, secret):
    # Whatever still ends in the server after its answer has ended soon.
    wait_until(lambda: times_in_memory(stack, secret) == 0, timeout=20, what="the secret has left the server's memory")


def test_nobody_has_logged_in(stack, card):
    """[B4] After the card left its issuance its secret is nowhere, until its holder comes."""
    is_gone(stack, card[1])


def test_after_a_logout(stack, card):
    """[B4] VERIFY with P1 = FF (SP 800-73-4, part 2, 3.2.1)."""
    _, secret = card
    with Connection() as connection:
        log_in(stack, connection, secret)
        assert connection.sw("0020FF80") == "9000"
        is_gone(stack, secret)


def test_after_a_reset(stack, card):
    """[B4] The application resets the card, and the next command finds it logged out."""
    _, secret = card
    with Connection() as connection:
        log_in(stack, connection, secret)
        connection.reconnect()
        assert connection.sw(SELECT_PIV) == "9000"
        is_gone(stack, secret)


def test_after_a_try_that_was_wrong(stack, card):
    """[B4] A wrong PIN takes away what the right one gave."""
    _, secret = card
    with Connection() as connection:
        log_in(stack, connection, secret)
        assert connection.sw(verify_command("8462719")) == "63C2"
        is_gone(stack, secret)
        log_in(stack, connection, secret)  # for the others: all tries are there again


def test_after_the_session(stack, card):
    """[B4] The card is taken out of the reader."""
    made, secret = card
    with Connection() as connection:
        log_in(stack, connection, secret)
    made.eject()
    is_gone(stack, secret)
    made.insert()


def test_after_the_card_was_blocked(stack, card):
    """[B4] By the administrator, in the middle of a session."""
    made, secret = card
    with Connection() as connection:
        log_in(stack, connection, secret)
        stack.cli("card", "block", made.id)
        is_gone(stack, secret)
    stack.cli("card", "unblock", made.id)
