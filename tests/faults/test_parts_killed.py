"""The signer, the agent and pcscd are killed and stopped: the application sees a reset or an error, never a hang."""

import signal
import subprocess
import time
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN
from pcsc import Connection, PcscError, verify_command
from processes import wait_until

DIGEST = sha256(b"letter").digest()


@pytest.fixture
def signing_card(stack):
    """A card with a P-256 key in 9A."""
    made = stack.new_card("piv-yubikey5")
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    yield made
    made.remove()


def signers(stack):
    listing = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(stack.server.pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in listing.stdout.splitlines() if "cardea-signer" in line]


def sign_or_explain(connection):
    """'9000', another status word, or the PC/SC error: whatever comes, it comes within the deadline."""
    began = time.monotonic()
    try:
        answer = piv.sign_p256(connection, DIGEST)[1]
    except PcscError as error:
        answer = f"0x{error.code:08X}"
    assert time.monotonic() - began < 45, "no answer in time"
    return answer


def signed_in(seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            connection = Connection()
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
            return connection
        except PcscError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_signers_killed(stack, signing_card, dice):
    """[B9] Workers killed while signing: each signature is right or refused, and the next one works."""
    for _ in range(12):
        connection = signed_in()
        victims = signers(stack)
        assert victims, "no signer runs"
        for _ in range(dice.randrange(4)):
            assert sign_or_explain(connection) == "9000"
        subprocess.run(["kill", "-9", str(dice.choice(victims))], check=False)
        assert sign_or_explain(connection) in ("9000", "6F00")
        assert sign_or_explain(connection) == "9000"
        connection.close()


def test_signer_stopped(stack, signing_card):
    """[B12] Workers that hang are replaced within the time-out."""
    connection = signed_in()
    for victim in signers(stack):
        subprocess.run(["kill", "-STOP", str(victim)], check=True)
    first = sign_or_explain(connection)
    assert first in ("9000", "6F00")
    wait_until(lambda: sign_or_explain(connection) == "9000", 60, "signatures work again")
    connection.close()


def test_agent_killed(stack, signing_card, dice):
    """[A1] The card is gone for the application, and back when the agent is."""
    for _ in range(20):
        connection = signed_in()
        for _ in range(dice.randrange(3)):
            assert sign_or_explain(connection) == "9000"
        stack.agent.kill()
        answer = sign_or_explain(connection)
        assert answer in ("0x80100069", "0x80100016", "0x8010002F", "0x80100017", "0x80100066", "0x80100067", "0x80100068"), answer
        connection.close()
        stack.wait_for_card(present=False)
        stack.start_agent()
        signing_card.insert()


def test_pcscd_killed(stack, signing_card):
    """[A1] A new pcscd finds the card without anybody's help."""
    for _ in range(3):
        connection = signed_in()
        stack.pcscd.kill()
        assert sign_or_explain(connection).startswith("0x8010")
        stack.start_pcscd()
        stack.wait_for_card(present=True, timeout=30)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


def test_server_hangs(stack, signing_card):
    """[A1] A server that does not answer: an error within the deadline, the card back when it answers again."""
    connection = signed_in()
    stack.server.signal(signal.SIGSTOP)
    try:
        assert sign_or_explain(connection).startswith("0x8010")
    finally:
        stack.server.signal(signal.SIGCONT)
    connection.close()
    stack.wait_for_card(present=True, timeout=40)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


def test_server_stays_away(stack, signing_card):
    """[A1] A server that is gone: the card leaves the reader promptly and comes back by itself."""
    connection = signed_in()
    stack.server.kill()
    began = time.monotonic()
    assert sign_or_explain(connection).startswith("0x8010")
    assert time.monotonic() - began < 10, "a refused connection is no reason to wait for the full deadline"
    connection.close()
    stack.wait_for_card(present=False)
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"
