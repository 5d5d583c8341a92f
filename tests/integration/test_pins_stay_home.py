"""What a proxy that ends TLS sees, and what the server's memory holds, of PINs that real programs were given."""

import hashlib
import subprocess

import pytest

from cardea_stack import CHEAP_PINS, FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, OPENSC_MODULE, READER, running
from encodings_of import found_in
from pcsc import Connection, verify_command
from processes import descendants, memory_of
from tapped_stack import TappedStack

# Of seven and eight digits, so that packed decimal has four octets: shorter ones turn up in ciphertext by chance.
PIN, WRONG, UNBLOCKED, PUK = "7391846", "8462719", "2946173", "58209317"
SECRETS = (PIN, WRONG, UNBLOCKED, PUK)


@pytest.fixture(scope="module")
def tapped(scratch, opensc_conf):
    with running(TappedStack(scratch / "t", server_config=CHEAP_PINS)) as started:
        yield started


@pytest.fixture(scope="module")
def holder(tapped, tmp_path_factory):
    """A day of a holder's life, with unmodified programs; what they were asked to sign."""
    directory = tmp_path_factory.mktemp("day")

    def run(*command, status=0):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, check=False,
                              cwd=directory)
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def yubico(*arguments, **more):
        return run("yubico-piv-tool", "-r", READER, *arguments, **more)

    def sign(pin, name):
        (directory / name).write_bytes(f"contract {name}".encode())
        run("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", pin, "--sign", "--id", "01", "-m", "SHA256-RSA-PKCS",
            "-i", name, "-o", f"{name}.sig")
        verified = run("openssl", "dgst", "-sha256", "-verify", "9a.pem", "-signature", f"{name}.sig", name)
        assert "Verified OK" in verified

    card = tapped.new_card("piv-yubikey5")
    base = ["ykman", "-r", READER, "piv"]
    run(*base, "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", "RSA2048", "9a", "9a.pem")
    run(*base, "certificates", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-s", "CN=holder", "9a", "9a.pem")

    yubico("-a", "change-pin", "-P", FACTORY_PIN, "-N", PIN)
    yubico("-a", "change-puk", "-P", FACTORY_PUK, "-N", PUK)
    sign(PIN, "first")
    assert "2 tries left" in yubico("-a", "verify-pin", "-P", WRONG, status=1)
    assert "1 tries left" in yubico("-a", "verify-pin", "-P", WRONG, status=1)
    assert yubico("-a", "verify-pin", "-P", WRONG, status=1).startswith("Pin code blocked")
    run("pkcs15-tool", "--unblock-pin", "--auth-id", "01", "--puk", PUK, "--new-pin", UNBLOCKED)
    sign(UNBLOCKED, "second")
    with Connection() as connection:  # in parts and with extended lengths, as no program here sends them
        field = UNBLOCKED.encode().hex() + "FF"
        assert connection.sw("00A4040005A000000308") == "9000"
        assert connection.sw("1020008003" + field[:6]) == "9000"
        assert connection.sw("0020008005" + field[6:]) == "9000"
        assert connection.sw("00200080000008" + field) == "9000"
        assert connection.sw(verify_command(WRONG)) == "63C2"
        assert connection.sw(verify_command(UNBLOCKED)) == "9000"
    yield card
    card.remove()


def test_the_search_finds_what_is_there():
    """Each encoding is found where it stands, at any alignment."""
    import base64
    for shift in range(3):
        assert found_in(PIN, [base64.b64encode(b"x" * shift + PIN.encode() + b"yz")]) == ["plain, base64"]
    assert "padded, base64" in found_in(PIN, [base64.urlsafe_b64encode(PIN.encode() + b"\xff")])
    assert found_in(PIN, [b"..73\x391846"]) == ["plain"]
    assert found_in(PIN, [bytes.fromhex("007391846F00")]) == ["bcd"]
    assert found_in(PIN, [b"verify 373339313834 36".replace(b" 36", b"36")]) == ["plain, hexadecimal"]
    assert found_in(PIN, [PIN.encode("utf-16-le")]) == ["utf-16"]
    assert found_in(PIN, [b"739184", b"6"]) == []


def test_a_proxy_that_ends_tls_sees_no_pin(tapped, holder):
    """[C2] Login, signature, PIN and PUK change, block and unblock: no PIN, in no usual encoding."""
    streams = tapped.tap.streams()
    # The tap does see what is not secret: the commands before a login, and where requests go.
    assert any(b"A0000003" in stream.hex().upper().encode() for stream in streams)
    assert sum(stream.count(b"/exchange HTTP/1.1") for stream in streams) > 50
    for pin in SECRETS:
        assert found_in(pin, streams) == [], pin


def test_a_proxy_that_ends_tls_sees_nothing_of_a_session_after_its_login(tapped, holder):
    """[F1] After the PIN neither what is signed nor the signature crosses in the clear."""
    streams = tapped.tap.streams()
    for name in ("first", "second"):
        assert not any(hashlib.sha256(f"contract {name}".encode()).digest() in stream for stream in streams)


def test_the_servers_memory_holds_no_pin(tapped, holder):
    """[C2] Neither cardead nor its workers, right after logins, changes and an unblock."""
    with Connection() as connection:
        assert connection.sw("00A4040005A000000308") == "9000"
        assert connection.sw(verify_command(UNBLOCKED)) == "9000"
        assert connection.sw("00CB3FFF035C017E00") == "9000"  # the login has been proven by now
        processes = descendants(tapped.server.pid)
        assert len(processes) > 1
        for process in processes:
            regions = memory_of(process)
            assert sum(map(len, regions)) > 1 << 16
            for pin in SECRETS:
                # Four octets turn up in tens of megabytes by chance.
                assert found_in(pin, regions, leave_out=("bcd",)) == [], (process, pin)
        # What it does know is found, so the search is good for something.
        assert any(holder.id.encode() in region for region in memory_of(tapped.server.pid))


def test_nothing_on_the_servers_disk_holds_a_pin(tapped, holder):
    """[C2] Database, write-ahead log, journal of the vault, log file."""
    files = [path for path in tapped.data.rglob("*") if path.is_file()] + [tapped.directory / "cardead.log"]
    assert any(path.name == "cardea.db" for path in files)
    for pin in SECRETS:
        assert found_in(pin, [path.read_bytes() for path in files], leave_out=("bcd",)) == [], pin
