"""What a proxy that ends TLS sees, and what the server's memory holds, of PINs that real programs were given."""

import hashlib
import os
import subprocess

import pytest

from card_keys import import_keys
from cardea_stack import CHEAP_PINS, FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, OPENSC_MODULE, READER, running
from encodings_of import found_in
from pcsc import Connection, verify_command
from processes import descendants, memory_of
from scp03 import Scp03, diversified
from tapped_stack import TappedStack

# Of seven and eight digits, so that packed decimal has four octets: shorter ones turn up in ciphertext by chance.
PIN, WRONG, UNBLOCKED, PUK = "7391846", "8462719", "2946173", "58209317"
SECRETS = (PIN, WRONG, UNBLOCKED, PUK)
# Never anybody's PIN, so that it is the commands' and nothing else's.
BARE, NEW = "5093718", "6627304"


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


def field(*pins):
    return "".join(pin.encode().hex() + "FF" for pin in pins)


def bare_commands(cla):
    """PIN commands as somebody sends them who has put another class byte in front, and has no channel."""
    return (f"{cla}20008008{field(BARE)}", f"{cla}200080000008{field(BARE)}0000", f"{cla}24008010{field(BARE, NEW)}",
            f"{cla}2C008010{field(BARE, NEW)}", f"{cla}24FF8008{field(BARE)}")


# ISO/IEC 7816-4, 5.4.1, and the card's order: nobody's class, secure messaging, the channel, the instruction.
BARE_CLASSES = {"04": "6882", "08": "6882", "0C": "6882", "0F": "6882", "14": "6882", "1C": "6882", "60": "6882", "84": "6882",
                "8C": "6882", "94": "6882", "80": "6D00", "A0": "6E00"}


@pytest.mark.parametrize("cla, word", BARE_CLASSES.items())
def test_a_class_byte_that_speaks_of_a_channel_there_is_not(tapped, holder, cla, word):
    """[C2][C3] A PIN that is not wrapped stays home whatever the class byte says. The answer is the card's, and no try is spent."""
    # A session of its own: after a login the tap would see records alone.
    holder.eject()
    holder.insert()
    with Connection() as connection:
        assert connection.sw("00A4040005A000000308") == "9000"
        before = connection.sw("00200080")
        assert [connection.sw(command) for command in bare_commands(cla)] == [word] * 5
        assert connection.sw("00200080") == before == "63C3"
    for pin in (BARE, NEW):
        assert found_in(pin, tapped.tap.streams()) == [], pin


def test_a_pin_beside_an_open_channel(tapped, holder):
    """[A6][C2] With card keys there is a channel, and its commands go through, encrypted PINs too. One that was not wrapped does not:
    the card closes the channel for it (6982), and no try is spent."""
    master = os.urandom(32)
    import_keys(tapped, (master,))
    holder.eject()
    card = tapped.new_card("piv-nist")
    try:
        with Connection() as connection:
            for bare in bare_commands("84") + bare_commands("80"):
                assert connection.sw("00A4040005A000000308") == "9000"
                host = Scp03(connection.transmit, lambda kdd: diversified(master, kdd), aid="A000000308000010000100").open(0x33)
                assert host.send("0020008000") == ("", "63C3")
                assert connection.sw(bare) == "6982"
                assert connection.sw(host.wrap("0020008000")) == "6882"
            assert connection.sw("00A4040005A000000308") == "9000"
            host = Scp03(connection.transmit, lambda kdd: diversified(master, kdd), aid="A000000308000010000100").open(0x33)
            assert host.send("0020008000") == ("", "63C3")
            assert host.send(f"8024FF8008{field(BARE)}") == ("", "9000")
            assert host.send(verify_command(BARE)) == ("", "9000")
            assert host.send("0020008000") == ("", "9000")
        for pin in (BARE, NEW):
            assert found_in(pin, tapped.tap.streams()) == [], pin
    finally:
        card.remove()
        holder.insert()
