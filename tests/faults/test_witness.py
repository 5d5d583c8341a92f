"""[B8] A witness on another machine: what it remembers, no backup of the server takes back."""

import hashlib
import shutil
import subprocess

import pytest

import piv
from cardea_stack import FACTORY_PIN, CliError, Stack, running
from faultlib import connect_patiently
from pcsc import verify_command
from processes import wait_until
from witness import ORIGIN, Witness

PATIENCE = 60


@pytest.fixture(scope="module")
def witness(scratch):
    directory = scratch / "w"
    directory.mkdir()
    running = Witness(directory / "state").start()
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def stack(scratch, witness):
    with running(Stack(scratch / "witnessed", server_config=witness.server_config()), stop=False) as started:
        witness.trust(started)
        wait_until(lambda: cosigned(started), PATIENCE, "the first cosignature")
        yield started


@pytest.fixture(scope="module")
def key_card(stack):
    """A card with a key in 9A."""
    card = stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    return card


def status(stack):
    return stack.cli("audit", "verify")["witness"]


def cosigned(stack):
    """Whether the witness has cosigned all that there is."""
    found = stack.cli("audit", "verify")
    return not found["witness"]["away"] and found["witness"]["size"] == found["leaves"]


def change(stack):
    stack.cli("card", "create", "--org", stack.organisation, "--profile", "piv-nist")


def signature_status(digest=hashlib.sha256(b"witnessed").digest()):
    """The status word of a log-in, then of a signature."""
    with connect_patiently() as connection:
        return connection.sw(verify_command(FACTORY_PIN)), piv.sign_p256(connection, digest)[1]


def cannot_insert(stack, card):
    with pytest.raises(AssertionError):
        card.insert()
    stack.agent_cli("eject", card.id, check=False)


def configure(stack, text):
    stack._server_config = text + "\n[pool]\nrsa2048 = 0\n"
    stack.write_server_config()


def log_since(stack, mark):
    return stack.server.text()[mark:]


def verify_text(stack):
    return subprocess.run([stack.bin / "cardea", "--socket", stack.data / "admin.sock", "audit", "verify"],
                          capture_output=True, text=True, timeout=60, check=False)


def number(stack, name):
    text = stack.https("/metrics").read().decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def test_cosigned(stack, witness, key_card, tmp_path):
    """[B8] [F3] Checkpoints are cosigned, `cardea audit verify` says when, and a receipt proves it off line."""
    assert signature_status() == ("9000", "9000")
    wait_until(lambda: cosigned(stack), PATIENCE, "all is cosigned")
    said = verify_text(stack)
    assert said.returncode == 0 and f"cosigned by {witness.name} at " in said.stdout, said
    assert number(stack, "cardea_witness_away") == 0
    line = stack.cli("audit", "list", "--limit", "1")[0]
    receipt, log_key = tmp_path / "receipt", tmp_path / "log.key"
    receipt.write_text(stack.cli("audit", "receipt", str(line["number"]))["receipt"], encoding="utf-8")
    log_key.write_text(stack.cli("audit", "key")["key"] + "\n", encoding="utf-8")
    stranger = Witness(tmp_path / "stranger", "witness.example/2")

    def check(*more):
        return subprocess.run([stack.bin / "cardea", "--socket", "/nowhere", "audit", "check-receipt", receipt, "--key", log_key, *more],
                              capture_output=True, text=True, timeout=60, check=False)

    assert check().returncode == 0
    good = check("--witness-key", witness.key)
    assert good.returncode == 0 and f"cosigned by {witness.name} at " in good.stdout, good
    assert check("--witness-key", stranger.key).returncode == 1


def test_witness_killed(stack, witness, dice):
    """[B8] kill -9 at any moment: the witness never forgets what it has cosigned, and goes on from there."""
    for _ in range(6):
        for _ in range(dice.randrange(1, 4)):
            change(stack)
        witness.kill()
        signed = int((stack.data / "cosigned").read_text(encoding="utf-8").splitlines()[1])
        assert witness.size() >= signed
        witness.start()
        wait_until(lambda: cosigned(stack), PATIENCE, "the witness is back")


def test_witness_away(stack, witness, key_card):
    """[B8] Without its witness the server says so, loudly, and goes on; with `required` it uses no key until there is an answer."""
    spare = stack.new_card("piv-nist", insert=False)
    mark = len(stack.server.text())
    witness.stop()
    change(stack)
    wait_until(lambda: "witness.away" in log_since(stack, mark), PATIENCE, "the server misses the witness")
    assert signature_status() == ("9000", "9000")
    assert number(stack, "cardea_witness_away") == 1
    said = verify_text(stack)
    assert said.returncode == 0 and f"the witness {witness.name} does not cosign" in said.stderr, said

    stack.server.stop()
    configure(stack, witness.server_config(required=True))
    stack.start_server()
    cannot_insert(stack, spare)
    # A card is made of keys, too.
    with pytest.raises(CliError, match=f"the witness {witness.name} does not cosign"):
        stack.new_card("piv-nist", insert=False)
    witness.start()
    wait_until(lambda: cosigned(stack), PATIENCE, "the witness is back")
    stack.agent_cli("eject", key_card.id, check=False)

    def back():
        # A witness that answers too late on a busy machine counts as away for a moment longer.
        try:
            return key_card.insert()
        except CliError:
            return None

    wait_until(back, PATIENCE, "the card is back in the reader")
    assert signature_status() == ("9000", "9000")
    # In the middle of a session, too.
    with connect_patiently() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        wait_until(lambda: cosigned(stack), PATIENCE, "all is cosigned")
        mark = len(stack.server.text())
        witness.kill()
        change(stack)
        wait_until(lambda: "no key is used until it does" in log_since(stack, mark), PATIENCE, "the server misses the witness")
        assert piv.sign_p256(connection, bytes(32))[1] != "9000"
        witness.start()
        wait_until(lambda: cosigned(stack), PATIENCE, "the witness is back")
        assert piv.sign_p256(connection, bytes(32))[1] == "9000"
    stack.server.stop()
    configure(stack, witness.server_config())
    stack.start_server()


def test_wrong_key(stack, witness, key_card, tmp_path):
    """[B8] A cosignature of another witness than the one that was named counts for nothing."""
    stranger = Witness(tmp_path / "stranger", witness.name)
    wait_until(lambda: cosigned(stack), PATIENCE, "all is cosigned")
    stack.server.stop()
    mark = len(stack.server.text())
    configure(stack, witness.server_config(key=stranger.key, required=True))
    stack.start_server()
    wait_until(lambda: "its answer is not signed with the key of" in log_since(stack, mark), PATIENCE, "the server looks at the key")
    assert status(stack)["away"] and "at" not in status(stack)
    stack.agent_cli("eject", key_card.id, check=False)
    cannot_insert(stack, key_card)
    # A file that holds none is noticed before the start.
    (tmp_path / "none").write_text("witness\n", encoding="ascii")
    stack.server.stop()
    configure(stack, witness.server_config(key=tmp_path / "none"))
    checked = subprocess.run([stack.bin / "cardead", "check-config", "--config", stack.directory / "cardead.toml"],
                             capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 2 and "this is no key of a witness" in checked.stderr, checked
    configure(stack, witness.server_config())
    stack.start_server()


def put_back(stack, yesterday):
    stack.server.stop()
    shutil.rmtree(stack.data)
    shutil.copytree(yesterday, stack.data)


def test_everything_put_back(stack, witness, key_card):
    """[B8] The whole data directory as it was: database, HSM token, witness file. Refused at the start, by what the other machine knows."""
    wait_until(lambda: cosigned(stack), PATIENCE, "all is cosigned")
    stack.server.stop()
    yesterday = stack.directory / "yesterday"
    shutil.copytree(stack.data, yesterday)
    stack.start_server()
    for _ in range(3):
        change(stack)
    wait_until(lambda: cosigned(stack), PATIENCE, "all is cosigned")
    put_back(stack, yesterday)
    mark = len(stack.server.text())
    stack.start_server()
    wait_until(lambda: f"the database was put back: the witness {witness.name} has seen" in log_since(stack, mark), PATIENCE,
               "the server is told")
    stack.agent_cli("eject", key_card.id, check=False)
    cannot_insert(stack, key_card)

    # The same with the witness away, until the log is longer than what it has seen: another history, all the same.
    seen = witness.size()
    put_back(stack, yesterday)
    witness.stop()
    stack.start_server()
    key_card.insert()
    while stack.cli("audit", "verify")["leaves"] <= seen:
        change(stack)
    # The third line of its own witness file: how many are in the last checkpoint.
    wait_until(lambda: int((stack.data / "witness").read_text(encoding="utf-8").splitlines()[2]) > seen, PATIENCE, "a checkpoint")
    mark = len(stack.server.text())
    witness.start()
    wait_until(lambda: "integrity.refused" in log_since(stack, mark), PATIENCE, "the server is told")
    assert "changes that are not the beginning of this log" in log_since(stack, mark)
    stack.agent_cli("eject", key_card.id, check=False)
    cannot_insert(stack, key_card)

    # On purpose, the people of both machines together can.
    put_back(stack, yesterday)
    witness.stop()
    witness.forget()
    witness.start()
    stack.start_server()
    assert ORIGIN not in witness.run("show")
    witness.trust(stack)
    wait_until(lambda: cosigned(stack), PATIENCE, "the log is followed anew")
    key_card.insert()
    assert signature_status() == ("9000", "9000")
