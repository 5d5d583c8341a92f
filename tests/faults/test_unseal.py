"""The HSM's PIN in M-of-N shares: take-over, sealed starts, shares that are wrong, what a machine keeps for itself, kills everywhere."""

import os
import shutil
import socket
import subprocess
import threading
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN, CliError, Stack, running
from faultlib import connect_patiently
from pcsc import verify_command
from processes import Child, wait_until

DIGEST = sha256(b"letter").digest()


@pytest.fixture(params=["softhsm", "software"])
def stack(scratch, request):
    directory = scratch / f"un-{request.param[:5]}-{request.function.__name__[-5:]}"
    with running(Stack(directory, server_config=f'[vault]\nkind = "{request.param}"\nunseal = "file"\n'), stop=False) as started:
        yield started


def secrets_on_disk(stack):
    """Files that hold a PIN or the root key in the clear."""
    names = {"user.pin", "so.pin", "root.key"}
    return [path for path in stack.data.rglob("*") if path.name in names]


def init_shares(stack, threshold=2, shares=3, where="shares"):
    status = stack.cli("hsm", "init-shares", "--threshold", threshold, "--shares", shares, "--out", stack.directory / where)
    return status, [stack.directory / where / f"share-{n + 1}.txt" for n in range(shares)]


def new_key(stack):
    card = stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    return card


def card_signs(stack):
    with connect_patiently() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        return piv.sign_p256(connection, DIGEST)[1] == "9000"


def unseal_refused(stack, *arguments, text=None):
    """The sentence with which `cardea unseal` ends."""
    done = subprocess.run([str(part) for part in (stack.bin / "cardea", "--socket", stack.data / "admin.sock", "unseal", *arguments)],
                          input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done
    return done.stderr.strip()


def test_take_over_and_sealed_start(stack):
    """[B6] [B7] From a PIN in a file to three shares of which two open the server; cards work as before."""
    new_key(stack)
    assert secrets_on_disk(stack)
    status, shares = init_shares(stack)
    assert not status["sealed"] and status["in_shares"]
    assert secrets_on_disk(stack) == []
    assert all(share.stat().st_mode & 0o777 == 0o600 for share in shares)
    assert card_signs(stack)

    assert stack.server.stop() == 0
    stack.start_server(sealed=True)  # although the settings say "file": there is no other way
    code, problem = stack.readiness()
    assert (code, problem["type"]) == (503, "https://cardea.invalid/problems/sealed")
    assert problem["detail"].startswith("the server is sealed: 0 of 2 shares of the key ")
    assert stack.https("/healthz").status == 200
    assert stack.cli("status")["ready"] is False
    assert "cardea_sealed 1" in stack.https("/metrics").read().decode()
    with pytest.raises(CliError) as refused:
        stack.cli("org", "create", "Another Trust")
    assert "0 of 2 shares" in refused.value.text

    assert stack.cli("unseal", shares[2])["given"] == [3]
    assert unseal_refused(stack, shares[2]) == "cardea: share 3 was given already"
    typed = shares[0].read_text().lower().replace("0", "o")
    title, rest = typed.split("\n", 3)[2], typed.split("\n", 3)[3]
    mistyped = title + "\n" + ("x" if rest[0] != "x" else "y") + rest[1:]
    assert unseal_refused(stack, text=mistyped) == "cardea: line 2 of the share is mistyped"
    done = subprocess.run([str(stack.bin / "cardea"), "--socket", str(stack.data / "admin.sock"), "unseal"], input=title + "\n" + rest,
                          capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "The server is open.\n"
    assert stack.readiness()[0] == 200
    assert card_signs(stack)
    log = stack.cli("audit", "list", "--limit", "50")
    assert [line["success"] for line in log if line["action"] == "hsm.unseal"].count(True) == 2


def test_wrong_shares_and_abort(stack):
    """[B6] Shares of an earlier key, shares that were made up, and giving up."""
    _, old = init_shares(stack, where="old")
    status, shares = init_shares(stack, 3, 4)
    assert status["threshold"] == 3
    stack.server.kill()
    stack.start_server(sealed=True)
    assert "is of the key" in unseal_refused(stack, old[0])
    assert stack.cli("unseal", shares[0], shares[1])["given"] == [1, 2]
    assert stack.cli("unseal", "--abort")["given"] == []
    assert "cannot read" in unseal_refused(stack, "/nonexistent")
    assert unseal_refused(stack, text="hello\n").endswith("the line CARDEA-SHARE-1 is not there")
    for share in (shares[3], shares[1], shares[2]):
        status = stack.cli("unseal", share)
    assert not status["sealed"]
    assert unseal_refused(stack, shares[0]) == "cardea: the server is not sealed"


def test_pins_change_under_the_same_shares(stack):
    """[B7] [B10] And the workers that start afterwards know them."""
    new_key(stack)
    with pytest.raises(CliError) as refused:
        stack.cli("hsm", "rotate-pin")
    assert "init-shares" in refused.value.text
    _, shares = init_shares(stack)
    before = (stack.data / "unseal.json").read_text()
    stack.cli("hsm", "rotate-pin")
    assert (stack.data / "unseal.json").read_text() != before
    assert card_signs(stack)
    stack.server.kill()
    stack.start_server(sealed=True)
    stack.cli("unseal", shares[0])
    stack.cli("unseal", shares[1])
    assert card_signs(stack)


def test_take_over_killed(stack, dice):
    """[B7] Killed at any moment of a take-over, the server starts from the file or from the shares, and nothing is lost."""
    new_key(stack)
    for attempt in range(8):
        where = f"shares-{attempt}"
        killer = threading.Timer(dice.uniform(0.0, 0.25), stack.server.kill)
        killer.start()
        subprocess.run([str(part) for part in (stack.bin / "cardea", "--socket", stack.data / "admin.sock", "hsm", "init-shares",
                                               "--threshold", 2, "--shares", 3, "--out", stack.directory / where)],
                       capture_output=True, timeout=60, check=False)
        killer.join()
        owned = (stack.data / "unseal.json").exists()
        stack.start_server(sealed=owned)
        if owned:
            # The shares of this attempt or, where it was killed before they counted, of the one before.
            for candidate in range(attempt, -1, -1):
                first = stack.directory / f"shares-{candidate}" / "share-1.txt"
                if first.exists() and stack.cli("unseal", first, check=False) is not None:
                    status = stack.cli("unseal", first.with_name("share-3.txt"))
                    break
            assert not status["sealed"]
            assert secrets_on_disk(stack) == []
        assert card_signs(stack)


def free_pair():
    """Two ports beside each other: swtpm's and its control channel's."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def restart_with(stack, vault, environment=None):
    stack.server.stop()
    text = (stack.directory / "cardead.toml").read_text()
    (stack.directory / "cardead.toml").write_text(text.replace('unseal = "file"', vault))
    stack._environment = environment or {}


def test_another_node_takes_over(stack):
    """[B6] [B7] The same HSM, the database and the file of secrets on another machine: the same shares open it there."""
    new_key(stack)
    _, shares = init_shares(stack)
    assert stack.server.stop() == 0
    first, second = stack.data, stack.directory / "node-2"
    token = {"softhsm"} & {path.name for path in first.iterdir()}  # the software vault has its token with it
    shutil.copytree(first, second, ignore=lambda folder, names: token if folder == str(first) else set())
    for name in token:
        (second / name).symlink_to(first / name)
    stack.data = second
    stack.write_server_config()
    stack.start_server(sealed=True)
    assert stack.readiness()[1]["detail"].startswith("the server is sealed: 0 of 2 shares")
    stack.cli("unseal", shares[1])
    stack.cli("unseal", shares[2])
    assert card_signs(stack)
    # And it can make and use keys of its own.
    stack.cli("hsm", "rotate-pin")
    assert card_signs(stack)


def test_credential(stack):
    """[B7] The service manager hands the key over: the server opens by itself."""
    new_key(stack)
    _, shares = init_shares(stack)
    done = subprocess.run([str(stack.bin / "cardea"), "hsm", "local-share", str(shares[1]), str(shares[2])], capture_output=True,
                          text=True, timeout=60, check=True)
    credentials = stack.directory / "credentials"
    credentials.mkdir()
    (credentials / "cardea-unseal").write_text(done.stdout)
    restart_with(stack, 'unseal = "sealed"', {"CREDENTIALS_DIRECTORY": str(credentials)})
    stack.start_server()
    assert card_signs(stack)
    # One share instead of the whole key leaves the rest to people.
    shutil.copy(shares[0], credentials / "cardea-unseal")
    stack.server.kill()
    stack.start_server(sealed=True)
    assert stack.readiness()[1]["detail"].startswith("the server is sealed: 1 of 2 shares")
    stack.cli("unseal", shares[2])
    assert card_signs(stack)


def test_tpm(stack):
    """[B7] The TPM keeps the key: with it the server opens by itself, with another one it waits for people."""
    port = free_pair()

    def tpm(name):
        state = stack.directory / name
        state.mkdir(exist_ok=True)
        child = Child("swtpm", ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server",
                                f"type=tcp,bindaddr=127.0.0.1,port={port}", "--ctrl", f"type=tcp,bindaddr=127.0.0.1,port={port + 1}",
                                "--flags", "not-need-init,startup-clear"], stack.directory / f"{name}.log").start()

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port + 1)) == 0

        wait_until(listens, 20, "swtpm listens")
        return child

    new_key(stack)
    _, shares = init_shares(stack)
    chip = tpm("chip")
    try:
        restart_with(stack, f'unseal = "sealed"\nlocal_share = "tpm"\ntpm = "swtpm:host=127.0.0.1,port={port}"')
        stack.start_server(sealed=True)
        stack.cli("unseal", shares[0], check=False)
        stack.cli("unseal", shares[1])
        stack.cli("hsm", "local-share", "--tpm", shares[0], shares[1])
        stack.server.kill()
        stack.start_server()
        assert card_signs(stack)
        chip.kill()
        chip = tpm("another chip")
        stack.server.kill()
        stack.start_server(sealed=True)
        wait_until(lambda: "it is another one, or was cleared" in stack.server.text(), 20, "the log says why")
        stack.cli("unseal", shares[1])
        stack.cli("unseal", shares[2])
        assert card_signs(stack)
    finally:
        chip.kill()


def test_first_start_with_shares(scratch):
    """[B7] Where the settings ask for shares, nothing can be used before they are made."""
    directory = scratch / "un-first"
    stack = Stack(directory, server_config='[vault]\nunseal = "shares"\n')
    os.makedirs(directory)
    try:
        stack.write_server_config()
        stack.start_server(sealed=True)
        assert stack.readiness()[1]["detail"] == "the server is sealed: no shares were made yet (cardea hsm init-shares)"
        init_shares(stack)
        assert stack.readiness()[0] == 200
        assert secrets_on_disk(stack) == []
        stack.cli("org", "create", "Trust")
    finally:
        stack.kill()
        shutil.rmtree(directory, ignore_errors=True)
