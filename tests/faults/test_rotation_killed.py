"""New key-encryption keys while everything is killed; keys that are resident in the HSM, their cap and their end."""

import sqlite3
import time
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN, CliError, Stack, running
from faultlib import connect_patiently
from pcsc import verify_command
from processes import wait_until

DIGEST = sha256(b"letter").digest()
GENERATE_9D = "0047009D05AC0380011100"
CARDS = 30


@pytest.fixture(params=["softhsm", "software"])
def stack(scratch, request):
    directory = scratch / f"ro-{request.param[:5]}-{request.function.__name__[-5:]}"
    vault = f'[vault]\nkind = "{request.param}"\nresident_keys = 3\nresident_keys_per_organisation = 2\n'
    settings = vault + "[pool]\nrsa2048 = 0\np256 = 2\n"
    with running(Stack(directory, server_config=settings), stop=False) as started:
        yield started


def signs(stack):
    with connect_patiently() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        return piv.sign_p256(connection, DIGEST)[1] == "9000"


def versions(stack):
    [row] = stack.cli("hsm", "status")
    return row


def test_rotation_goes_on_after_kills(stack, dice):
    """[B10] All keys end up under the new version, whatever is killed when; no card stops working; then the old one is retired."""
    stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    for number in range(CARDS):
        stack.cli("card", "create", "--org", stack.organisation, "--label", f"card {number}")
    with pytest.raises(CliError) as refused:
        stack.cli("hsm", "retire", "--org", stack.organisation)
    assert "no earlier version" in refused.value.text

    stack.cli("hsm", "rotate", "--org", stack.organisation)
    for _ in range(6):
        time.sleep(dice.uniform(0.0, 0.08))
        stack.server.kill()
        stack.start_server()
        assert signs(stack)
    wait_until(lambda: versions(stack)["state"] == "at rest", 60, "everything is wrapped anew")
    status = versions(stack)
    assert status["version"] == 2
    assert status["left"] == status["waiting_for_holders"], status
    assert status["rewrapped"] >= CARDS
    assert signs(stack)
    if versions(stack)["left"] == 0:
        assert stack.cli("hsm", "retire", "--org", stack.organisation)["oldest_version"] == 2
    else:  # behind a passcode that nobody has shown yet
        with pytest.raises(CliError) as refused:
            stack.cli("hsm", "retire", "--org", stack.organisation)
        assert "until their holders log in" in refused.value.text
    assert signs(stack)
    stack.server.kill()
    stack.start_server()
    assert signs(stack)

    stack.cli("hsm", "rotate", "--org", stack.organisation)
    with pytest.raises(CliError) as refused:
        stack.cli("hsm", "rotate", "--org", stack.organisation)
        stack.cli("hsm", "rotate", "--org", stack.organisation)
    assert "wrapped anew" in refused.value.text
    with connect_patiently() as connection:  # issuing goes on meanwhile
        piv.authenticate(connection)
        piv.generate(connection)
        piv.generate(connection, slot="9C")
    assert signs(stack)


def resident_rows(stack):
    database = sqlite3.connect(f"file:{stack.data / 'cardea.db'}?mode=ro", uri=True, timeout=20)
    try:
        return database.execute("SELECT count(*) FROM resident_keys").fetchone()[0]
    finally:
        database.close()


def test_resident_keys(stack):
    """[B2] Used as any other, capped with an error, across restarts; gone with the card."""
    assert stack.cli("org", "set", stack.organisation, "--key-mode", "resident")["key_mode"] == "resident"
    before = resident_rows(stack)
    card = stack.new_card("piv-nist")
    made = resident_rows(stack) - before
    with connect_patiently() as connection:
        piv.authenticate(connection)
        while resident_rows(stack) < 2:
            piv.generate(connection)
            if resident_rows(stack) == before + made + 1:
                piv.generate(connection, slot="9C")
        assert connection.sw(GENERATE_9D) == "6A84"  # ISO 7816-4: not enough memory space
        # The organisation's own cap, while the HSM has room for one more.
        shown = stack.cli("org", "show", stack.organisation)
        assert [shown[name] for name in ("resident_keys", "resident_keys_cap", "resident_keys_cap_in_all")] == [2, 2, 3]
        assert f'cardea_resident_keys{{organisation="{shown["id"]}"}} 2' in stack.https("/metrics").read().decode()
        assert "may have 2: cardea org set --resident-keys" in stack.server.text()
        assert stack.cli("org", "set", stack.organisation, "--resident-keys", "9")["resident_keys_cap"] == 9
        assert connection.sw(GENERATE_9D).startswith("9000") and resident_rows(stack) == 3
        assert connection.sw("0047009E05AC0380011100") == "6A84"
        assert "the HSM holds 3 resident keys and may hold no more: [vault] resident_keys" in stack.server.text()
    assert signs(stack)
    stack.server.kill()
    stack.start_server()
    assert signs(stack)
    assert versions(stack)["key_mode"] == "resident"
    card.remove()
    assert resident_rows(stack) == before


def test_resident_list_changed(stack):
    """[B8] Somebody who edits the list of resident keys has the server destroy none of them."""
    stack.cli("org", "set", stack.organisation, "--key-mode", "resident")
    stack.new_card("piv-nist")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    assert signs(stack)
    stack.server.stop()
    database = sqlite3.connect(stack.data / "cardea.db", isolation_level=None)
    assert database.execute("UPDATE resident_keys SET version = version + 7").rowcount > 0
    database.close()
    stack.start_server()
    wait_until(lambda: "resident keys that no card has stay in the HSM" in stack.server.text(), 20, "the server says that they stay")
    assert signs(stack)
