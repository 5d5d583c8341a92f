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

# ISO/IEC 7816-4, 5.6: memory failure (the key is not there any more); no precise diagnosis (no signer runs).
FAILURES = ("6581", "6F00")
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

        victim.rename(away)
        assert sign(connection) in ("9000", *FAILURES)  # a signer may have what it needs in memory
        for worker in signers(stack.server.pid):
            subprocess.run(["kill", "-9", str(worker)], check=False)
        wait_until(lambda: sign(connection) != "9000", 30, "no signature without the token")
        assert sign(connection) in FAILURES
        wait_until(lambda: readiness(stack) == 503, 30, "the server says that it is not ready")
        assert stack.https("/healthz").status == 200
        assert connection.sw("00CB3FFF055C035FC10500")[:2] in ("6A", "61", "90")  # objects need no key

    assert stack.server.stop() == 0
    done = subprocess.run(stack.server.command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    print(done.stderr)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1 and "restore it from a backup" in done.stderr
    assert not victim.exists(), "nothing is put in its place"
    away.rename(victim)
    stack.start_server()
    with connect_patiently() as connection:
        assert sign(connection) == "9000"
    made.remove()
