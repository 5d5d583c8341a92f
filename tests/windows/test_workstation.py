"""A registrar's workstation with Windows: cardea-agent.exe and winscard.dll, against a running server. [A1] [A2]"""

import hashlib
import re
import shutil
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding

import piv
from cardea_stack import FACTORY_PIN, FACTORY_PUK
from wine import windows_path
from workstation import READER, ToolConnection

SELECT_PIV = "00A4040009A0000003080000100000"


def test_the_agent_is_enrolled_and_tells_of_it(desk, server):
    status = desk.agent_cli("status")
    assert status["server"] == f"https://127.0.0.1:{server.tap.port}" and status["cards"] == []
    devices = server.cli("device", "list", "--org", server.organisation)
    assert any("rα-desk" in str(device) for device in devices), devices


def test_the_device_key_is_sealed(desk):
    """32 octets of seed would be all that a thief of the file needs."""
    key = desk.directory / "state" / "device.key"
    sealed = key.read_bytes()
    for path in (key.parent, key):
        assert path.stat().st_mode & 0o007 == 0, f"{path} is for its user and the system"  # Wine's picture of the access list
    assert len(sealed) > 64 and sealed[:4] == b"\x01\x00\x00\x00"  # the version of CryptProtectData's blobs
    elsewhere = desk.directory / "damaged"
    shutil.copytree(desk.directory / "state", elsewhere)
    (elsewhere / "device.key").write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    done = desk.wine.run("cardea-agent.exe", "--state-dir", windows_path(elsewhere), "run", environment=desk.environment)
    assert done.returncode == 1 and "not a device key; remove it and enrol again" in done.stderr, done


def test_a_second_agent_on_the_same_state_is_told_so(desk):
    done = desk.wine.run("cardea-agent.exe", "--state-dir", desk.state, "run", environment={
        **desk.environment, "CARDEA_PCSC_PIPE": "\\\\.\\pipe\\cardea-test-other"})
    assert done.returncode == 1
    assert re.search(r"cardea-agent: \\\\\.\\pipe\\cardea-agent-S-1-5-.*: somebody listens there already", done.stderr), done.stderr


def test_a_reader_is_there_and_a_card_comes_and_goes(desk, server):
    assert desk.tool("list") == [READER]
    made = server.new_card(insert=False)
    watching = desk.start_tool("watch", READER, "60000")
    assert watching.stdout.readline() == "empty\n"
    assert desk.agent_cli("insert", made.id)["phase"] == "inserted"
    line = watching.stdout.readline().split()
    assert line[0] == "present" and line[1].startswith("3B"), line
    desk.agent_cli("eject", made.id)
    assert watching.stdout.readline() == "empty\n"
    assert watching.wait(30) == 0
    server.cli("card", "delete", made.id, "--execute")


def test_nothing_happens_within_the_time(desk):
    process = desk.start_tool("watch", READER, "300")
    out, _ = process.communicate(timeout=60)
    assert out.splitlines() == ["empty", "SCardGetStatusChange 8010000A"]


def test_a_wait_without_limit_is_cancelled(desk):
    assert sorted(desk.tool("cancel", READER, timeout=30)) == ["SCardCancel 00000000", "SCardGetStatusChange 80100002"]


def test_transactions_of_two_processes_come_one_after_the_other(desk, card):
    first = desk.start_tool("transaction", READER)
    assert [first.stdout.readline() for _ in range(2)] == ["connected\n", "SCardBeginTransaction 00000000\n"]
    second = desk.start_tool("transaction", READER)
    begun = threading.Event()
    lines = []

    def read():
        lines.extend(second.stdout.readline() for _ in range(2))
        begun.set()

    reading = threading.Thread(target=read)
    reading.start()
    assert not begun.wait(1.5), "the second began while the first was in its transaction"
    out, _ = first.communicate("end\n", timeout=30)
    assert out == "SCardEndTransaction 00000000\n"
    assert begun.wait(30)
    reading.join()
    assert lines == ["connected\n", "SCardBeginTransaction 00000000\n"]
    assert second.communicate("end\n", timeout=30)[0] == "SCardEndTransaction 00000000\n"


def test_what_real_programs_trip_over(desk, card):
    assert desk.tool("check", READER)[-1] == "0 failures"


def test_a_card_is_issued_and_used(desk, card):
    """What a card management system does: administrator's key, key on the card, certificate, PIN, signature. [A2]"""
    authority = ec.generate_private_key(ec.SECP256R1())
    with ToolConnection(desk) as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        piv.authenticate(connection)
        public = public_key_of(piv.generate(connection))
        certificate = issue(authority, public)
        assert piv.put_object(connection, "5FC105", piv_certificate(certificate)) == "9000"

        wrong = "0020008008" + "39" * 6 + "FFFF"
        assert connection.sw(wrong)[:3] == "63C"
        right = "0020008008" + FACTORY_PIN.encode().hex() + "FF" * (8 - len(FACTORY_PIN))
        assert connection.sw(right) == "9000"
        digest = hashlib.sha256(b"issued under Wine").digest()
        data, sw = piv.sign_p256(connection, digest)
        assert sw == "9000", sw
        signature = bytes.fromhex(data)[4:]
        public.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    with ToolConnection(desk) as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert certificate.public_bytes(Encoding.DER) in piv.get_object(connection, "5FC105")


def padded(value):
    return value.encode().hex() + "FF" * (8 - len(value))


def test_a_forgotten_pin_is_set_anew(desk, card, server):
    """Codes and answers are made and used by cardea-agent.exe; the card's holder is in again with the new PIN."""

    def recovery(*arguments, lines):
        done = desk.wine.run("cardea-agent.exe", "--state-dir", desk.state, "recovery", *arguments, input_text="".join(f"{line}\n" for line in lines),
                             environment=desk.environment)
        assert done.returncode == 0, done
        return done.stdout

    def link():
        return server.cli("card", "recovery-link", card.id)["link"]

    with ToolConnection(desk) as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert connection.sw("0024008010" + padded(FACTORY_PIN) + padded("7391846")) == "9000"
        assert connection.sw("0024008110" + padded(FACTORY_PUK) + padded("58209317")) == "9000"
    shown = recovery("setup", card.id, "--codes", "1", "--pin-file", "-", lines=["7391846"])
    (code,) = [line.strip() for line in shown.splitlines() if line.startswith("    ")]
    recovery("setup", card.id, "--questions-file", "-", "--pin-file", "-",
             lines=["First pet?", "Rover", "First school?", "Zoë's", "Which year?", "1984", "7391846"])
    recovery("use", "--link-file", "-", "--code-file", "-", "--pin-file", "-", lines=[link(), code, "6205837"])
    recovery("use", "--link-file", "-", "--answers-file", "-", "--pin-file", "-", lines=[link(), "rover", "ZOË'S", "", "6205838"])
    desk.agent_cli("eject", card.id)
    assert desk.agent_cli("insert", card.id)["phase"] == "inserted"
    with ToolConnection(desk) as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert connection.sw("0020008008" + padded("7391846"))[:3] == "63C"
        assert connection.sw("0020008008" + padded("6205838")) == "9000"


def public_key_of(template):
    """7F49 | 86: an uncompressed point."""
    at = template.index(bytes.fromhex("8641"))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), template[at + 2:at + 2 + 65])


def issue(authority, public):
    import datetime
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ada Example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(7)
            .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(authority, hashes.SHA256()))


def piv_certificate(certificate):
    """SP 800-73-4 Part 1, table 10: certificate, CertInfo, error detection code."""
    der = certificate.public_bytes(Encoding.DER)
    return b"\x70" + piv.ber_length(len(der)) + der + bytes.fromhex("710100FE00")


# ---- Real readers beside ours ----

def test_readers_of_both_are_listed_and_their_cards_answer(desk, card, stand_in):
    environment, inserted = stand_in
    assert desk.tool("list", environment=environment) == [READER, "Stand-in 0"]
    inserted.touch()
    assert desk.tool("exchange", "Stand-in 0", input_text="00A40400\n", environment=environment) == ["6D00"]
    assert desk.tool("exchange", READER, input_text=SELECT_PIV + "\n", environment=environment)[0].endswith("9000")


@pytest.mark.parametrize("which", ["ours", "the real one"])
def test_a_wait_over_both_hears_of_either(desk, server, stand_in, which):
    environment, inserted = stand_in
    made = server.new_card(insert=False)
    reader = READER if which == "ours" else "Stand-in 0"
    watching = desk.start_tool("watch", reader, "60000", environment=environment)
    assert watching.stdout.readline() == "empty\n"
    if which == "ours":
        assert desk.agent_cli("insert", made.id)["phase"] == "inserted"
        assert watching.stdout.readline().startswith("present 3B")
        desk.agent_cli("eject", made.id)
    else:
        inserted.touch()
        assert watching.stdout.readline() == "present 3B00\n"
        inserted.unlink()
    assert watching.stdout.readline() == "empty\n"
    assert watching.wait(30) == 0
    server.cli("card", "delete", made.id, "--execute")


def test_a_wait_over_both_is_cancelled(desk, stand_in):
    environment, _ = stand_in
    for reader in (READER, "Stand-in 0"):
        assert sorted(desk.tool("cancel", reader, environment=environment, timeout=30)) == [
            "SCardCancel 00000000", "SCardGetStatusChange 80100002"]


@pytest.mark.parametrize(("asked", "got"), [("10000", "00010000"), ("80000000", "00000001"), ("0", "00000001"), ("3", "00000001")])
def test_a_real_reader_is_asked_for_the_protocols_as_they_are(desk, stand_in, asked, got):
    """RAW, DEFAULT and OPTIMAL are Windows' own, and it is for the reader's side to judge them."""
    environment, inserted = stand_in
    inserted.touch()
    assert desk.tool("connect", "Stand-in 0", asked, environment=environment) == ["SCardConnect 00000000", f"protocol {got}"]


def test_protocols_of_windows_for_ours(desk, card):
    for asked in ("2", "3", "80000000"):
        assert desk.tool("connect", READER, asked) == ["SCardConnect 00000000", "protocol 00000002"]
    assert desk.tool("connect", READER, "10000") == ["SCardConnect 00000000", "protocol 00010000"]
    assert desk.tool("connect", READER, "0") == ["SCardConnect 8010000F"]


def test_real_readers_outlive_the_agent(desk, stand_in):
    environment, inserted = stand_in
    process = desk.start_tool("outlive", READER, "Stand-in 0", environment=environment)
    assert process.stdout.readline() == "waiting\n"
    desk.agent.kill()
    try:
        inserted.touch()
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        desk.start_agent()
    assert out.splitlines() == [
        "SCardGetStatusChange, real 00000000",
        "SCardGetStatusChange, real, limited 8010000A",
        "waits: few",
        "SCardConnect, real 00000000",
        "SCardConnect, ours 8010001D",
        "SCardGetStatusChange, ours 8010001D",
    ]


def test_an_elevated_program_takes_no_dll_from_the_environment(desk, stand_in):
    """Whoever may set variables is not whoever may run things as an administrator."""
    environment, _ = stand_in
    done = desk.wine.run(desk.programs / "card_tool.exe", "list", environment={**desk.environment, **environment})
    assert (done.returncode, done.stdout) == (0, f"{READER}\n"), done


def test_a_dll_of_the_environment_has_a_whole_path(desk, stand_in):
    environment, _ = stand_in
    shutil.copy(desk.directory / "stand_in.dll", desk.programs)
    try:
        assert desk.tool("list", environment={**environment, "CARDEA_SYSTEM_WINSCARD": "stand_in.dll"}) == [READER]
    finally:
        (desk.programs / "stand_in.dll").unlink()


# ---- Without an agent, and without the DLL ----

def test_without_an_agent_there_is_no_service(desk):
    done = desk.wine.run(desk.programs / "card_tool.exe", "list", environment={
        **desk.environment, "CARDEA_PCSC_PIPE": "\\\\.\\pipe\\cardea-nobody"})
    assert (done.returncode, done.stdout) == (1, "SCardEstablishContext 8010001D\n"), done


def test_without_an_agent_real_readers_are_there_all_the_same(desk, stand_in):
    environment, _ = stand_in
    assert desk.tool("list", environment={**environment, "CARDEA_PCSC_PIPE": "\\\\.\\pipe\\cardea-nobody"}) == ["Stand-in 0"]


def test_without_an_agent_the_dll_fetches_the_cards_itself(desk, server):
    """Enrolled by cardea-agent.exe; sessions, PINs and waits in the program's own process."""
    made = server.new_card(insert=False)
    alone = {"CARDEA_PCSC_PIPE": "\\\\.\\pipe\\cardea-nobody", "CARDEA_STATE_DIR": desk.state}
    assert desk.tool("list", environment=alone)[0] == READER
    with ToolConnection(desk, environment=alone) as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert connection.sw("0020008008" + "39" * 6 + "FFFF")[:3] == "63C"
        assert connection.sw("0020008008" + FACTORY_PIN.encode().hex() + "FF" * (8 - len(FACTORY_PIN))) == "9000"
        assert connection.sw("00200080") == "9000"
    server.cli("card", "delete", made.id, "--execute")


def test_it_is_our_dll_that_answers(desk):
    """Negative controls: Wine's own is a stub, and a program that must have ours does not start without it."""
    done = desk.wine.run(desk.programs / "card_tool.exe", "list", environment={
        **desk.environment, "WINEDLLOVERRIDES": "mscoree,mshtml=;winscard=b"})
    assert (done.returncode, done.stdout) == (1, "SCardEstablishContext 80100001\n"), done
    alone = desk.directory / "alone"
    alone.mkdir(exist_ok=True)
    shutil.copy(desk.wine.bin / "card_tool.exe", alone)
    done = desk.wine.run(alone / "card_tool.exe", "list", environment={
        **desk.environment, "WINEDLLOVERRIDES": "mscoree,mshtml=;winscard=n"})
    assert done.returncode == 53, done
