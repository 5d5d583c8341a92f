"""The HSM's token directory vanishes under the running server: key use fails with an error, nothing crashes, no new token is made in its place."""

import subprocess
import urllib.error
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN
from faultlib import connect_patiently, signers
from pcsc import Connection, verify_command
from processes import wait_until
from victims import pool_size

KEY_GONE, NO_SIGNER = "6581", "6F00"  # card-os/README.md: what is stored is damaged; something does not answer
DIGEST = sha256(b"letter").digest()


def readiness(stack):
    try:
        return stack.https("/readyz").status
    except urllib.error.HTTPError as error:
        return error.code


def sign(connection):
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    return piv.sign_p256(connection, DIGEST)[1]


@pytest.mark.parametrize("part", ["tokens", "token", "softhsm"])
def test_token_removed(stack, part):
    """[B1] Errors while it is away; exit status 3 and one sentence at a start without it; everything as before when it is back."""
    softhsm = stack.data / "softhsm"
    victim = {"softhsm": softhsm, "token": softhsm / "token", "tokens": softhsm / "token" / "tokens"}[part]
    away = stack.directory / f"away-{part}"
    made = stack.new_card("piv-yubikey5")
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
        assert sign(connection) == "9000"

        # One that is just starting would not find its token: no signer, instead of no key.
        wait_until(lambda: pool_size(stack) == len(signers(stack.server.pid)) == 2, 30, "both signers are up")
        victim.rename(away)
        assert sign(connection) == KEY_GONE
        for worker in signers(stack.server.pid):
            subprocess.run(["kill", "-9", str(worker)], check=False)
        wait_until(lambda: sign(connection) == NO_SIGNER, 30, "no signer comes up without the token")
        assert sign(connection) == NO_SIGNER
        wait_until(lambda: readiness(stack) == 503, 30, "the server says that it is not ready")
        assert stack.https("/healthz").status == 200
        assert sign(connection) == NO_SIGNER
        assert connection.transmit("00CB3FFF055C035FC10500") == ("", "6A82")  # objects need no key; there is none
        assert connection.sw("00CB3FFF035C017E00") == "9000"

    assert stack.server.stop() == 0
    done = subprocess.run(stack.server.command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    token = softhsm / "token"
    missing = f"the SoftHSM directory {token} lacks tokens" if part == "tokens" else \
        f"{token} is gone, and the database holds cards of it"
    assert (done.returncode, done.stderr) == (
        3, f"cardead: the vault cannot be opened: {missing}: restore it from a backup; its keys cannot be made again\n")
    assert not victim.exists(), "nothing is put in its place"
    away.rename(victim)
    stack.start_server()
    with connect_patiently() as connection:
        assert sign(connection) == "9000"
    made.remove()
