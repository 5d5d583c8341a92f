"""Cards in vsmartcard's virtual reader: pcscd with Debian's driver, an agent that speaks its protocol, and readers that misbehave."""

import json
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pytest
from smartcard import scard

from cardea_stack import CHEAP_PINS, FACTORY_PIN, OPENSC_MODULE, READER, ROOT, build_directory, running
from encodings_of import found_in
from fake_vpcd import FakeVpcd, hear, say
from issuing import PIN as ISSUED_PIN
from issuing import Issue, change_management_key, change_pin, change_puk, self_sign
from pcsc import Connection, PcscError, verify_command
from processes import wait_until
from tapped_stack import TappedStack

SECOND = "Cardea 00 01"
SELECT_PIV = "00A404000BA000000308000010000100"
PIN, WRONG, PUK = "73918462", "84627195", "58209317"


@pytest.fixture(scope="module")
def workstation(scratch, opensc_conf):
    with running(TappedStack(scratch / "v", server_config=CHEAP_PINS, readers="vpcd")) as started:
        yield started


@pytest.fixture
def badge(workstation):
    """A fresh card in the first slot; agent, pcscd and server are as they were after the test."""
    made = workstation.new_card("piv-yubikey5")
    yield made
    assert workstation.pcscd.running() and workstation.agent.running()
    made.remove()


def phase_of(stack, card, state=None):
    cards = stack.agent_cli("status", state=state)["cards"]
    return next(((one["phase"], one["detail"]) for one in cards if one["id"] == card.id), None)


# -- used through pcscd ------------------------------------------------------------------------------------------------


def test_programs(workstation, badge, tool):
    """[A1] OpenSC and Yubico's tools see the card as in any reader; the driver's name is what its configuration says."""
    with Connection(READER) as card:
        assert tool("opensc-tool", "-r", READER, "-a").stdout.replace(":", "").strip().upper() == card.status()[2]
    assert tool("opensc-tool", "-r", READER, "-n").stdout == "Personal Identity Verification Card\n"
    status = tool("yubico-piv-tool", "-r", READER, "-a", "status").stdout
    assert "PIN tries left:\t3" in status
    listed = workstation.agent_cli("status")["cards"]
    assert [(one["reader"], one["phase"]) for one in listed] == [("vpcd", "inserted")]


def test_a_card_is_issued(workstation, badge, tool, tmp_path):
    """[A2] cardea-cms issues through it: four certificates, and a signature that OpenSSL accepts; [C2] no PIN passes the proxy."""
    for name, value in {"pin": PIN, "puk": PUK, "key": os.urandom(24).hex()}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
    cms = workstation.bin / "cardea-cms"
    tool(cms, "ca", "init", tmp_path / "ca")
    issued = json.loads(tool(
        cms, "issue", "--reader", READER, "--state", tmp_path / "state.json", "--execute", "--json", "--pin-file", tmp_path / "pin",
        "--puk-file", tmp_path / "puk", "--management-key-file", tmp_path / "key", "--plan",
        ROOT / "cms-connector" / "perso" / "plans" / "piv-standard.json", "--subject", "CN=Ada Example,O=Example Trust",
        "--ca", tmp_path / "ca").stdout)
    assert sorted(issued["slots"]) == ["9A", "9C", "9D", "9E"] and issued["warnings"] == []
    (tmp_path / "letter").write_text("I agree.\n", encoding="utf-8")
    tool("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", PIN, "--sign", "-m", "SHA256-RSA-PKCS", "--id", "01",
         "-i", "letter", "-o", "signed")
    tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", "9a", "-o", "9a.pem")
    tool("sh", "-c", "openssl x509 -in 9a.pem -noout -pubkey > 9a.pub")
    assert tool("openssl", "dgst", "-sha256", "-verify", "9a.pub", "-signature", "signed", "letter").stdout == "Verified OK\n"
    assert "2 tries left" in tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", WRONG, status=1).stderr
    tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", PIN)

    streams = workstation.tap.streams()
    assert any(b"A0000003" in stream.hex().upper().encode() for stream in streams)  # the proxy does see what is no secret
    for secret in (PIN, WRONG, PUK):
        assert found_in(secret, streams) == [], secret


def test_blank_cards_one_after_the_other(workstation, tmp_path):
    """[A2] A management system is shown blank cards in the same reader: finished when it lets go of one, the next one comes."""
    with Issue(workstation, "--profile", "piv-yubikey5", "--count", "2", "--on-release") as issue:
        for name in ("Ada Example", "Hedy Example"):
            issue.presented()
            change_pin()
            change_puk()
            change_management_key()
            self_sign(tmp_path, "9a", f"CN={name}", pin=ISSUED_PIN)
            assert issue.wait_for("issued")["holder"] == name
        assert issue.end()[0] == 0
    workstation.wait_for_card(False)


def test_resets(badge):
    """[A1] A reset and a power cycle end what was verified; the proof of the PIN has arrived by then."""
    for initialisation in (scard.SCARD_RESET_CARD, scard.SCARD_UNPOWER_CARD):
        with Connection() as card:
            assert card.sw(SELECT_PIV) == "9000"
            assert card.sw(verify_command(FACTORY_PIN)) == "9000"
            assert card.sw("00200080") == "9000"
            card.reconnect(initialisation)
            assert card.sw(SELECT_PIV) == "9000"
            assert card.sw("00200080") == "63C3"


def test_a_proof_does_not_wait_for_a_command(workstation, badge):
    """[C2] The reader's question for the ATR, each 0.4 s, is no command for the proof of a PIN to wait for."""
    card = Connection()
    assert card.sw(SELECT_PIV) == "9000"
    assert card.sw(verify_command(FACTORY_PIN)) == "9000"
    proof = workstation.agent_state / f"late-proof-{badge.id}-80"
    wait_until(lambda: not proof.exists(), 10, "the proof has arrived")
    card.close(scard.SCARD_LEAVE_CARD)


def test_lengths(badge):
    """[A3] Commands in every form, up to the longest that vpcd carries."""
    with Connection() as card:
        assert card.sw(SELECT_PIV) == "9000"
        for size in (1, 255):
            assert card.sw(f"00FD0000{size:02X}" + "AB" * size + "00") != "6F00"
        for size in (256, 3000, 65528):
            data, word = card.transmit(f"00CB3FFF00{size:04X}" + "AB" * size)
            assert (data, word) == ("", "6A80"), size
        assert card.sw("00A4") == "6700"
        assert card.sw("03") == "6700"  # one octet, and none of vpcd's own
        assert card.sw(SELECT_PIV) == "9000"


def test_an_octet_that_is_the_drivers_own(workstation, badge):
    """[A1] A program that sends vpcd's power off as its command waits for an answer that no card gives; ejection sets it free."""
    card = Connection()
    outcome = []

    def transmit():
        try:
            outcome.append(card.sw("00"))
        except PcscError as error:
            outcome.append(error)

    program = threading.Thread(target=transmit)
    program.start()
    program.join(1)
    assert program.is_alive()
    workstation.agent_cli("eject", badge.id)
    program.join(60)
    assert not program.is_alive()
    assert outcome == [""]  # vpcd calls nothing a success
    card.close()
    badge.insert()


def test_insertion_and_removal(workstation, badge):
    """[A1] Programs that wait see the card come and go, always in the first slot."""
    for _ in range(5):
        badge.eject()
        badge.insert()
    with Connection() as card:
        assert card.sw(SELECT_PIV) == "9000"
        workstation.agent_cli("eject", badge.id)
        workstation.wait_for_card(False)
        with pytest.raises(PcscError, match="0x80100069"):
            card.sw(SELECT_PIV)
    badge.insert()


def test_each_card_has_a_slot(workstation, badge):
    """[A1] The second card is in the second slot, the third waits until one is free."""
    others = [workstation.new_card("piv-nist", insert=False) for _ in range(2)]
    assert workstation.agent_cli("insert", others[0].id)["phase"] == "inserted"
    workstation.wait_for_card(True, reader=SECOND)
    with Connection(READER) as one, Connection(SECOND) as two:
        assert one.sw(SELECT_PIV) == two.sw(SELECT_PIV) == "9000"
        # Yubico's GET VERSION tells which is which.
        assert (one.sw("00FD0000"), two.sw("00FD0000")) == ("9000", "6D00")
    waiting = workstation.agent_cli("insert", others[1].id)
    assert waiting["phase"] == "waiting for the reader"
    assert waiting["detail"].startswith("each of the 2 slots of vpcd has a card already; eject one")
    workstation.agent_cli("eject", others[0].id)
    wait_until(lambda: phase_of(workstation, others[1]) == ("inserted", ""), 20, "the third card has the slot")
    workstation.wait_for_card(True, reader=SECOND)
    workstation.agent_cli("eject", others[1].id)
    workstation.wait_for_card(False, reader=SECOND)
    for other in others:
        workstation.cli("card", "delete", other.id, "--execute")


def test_agent_killed(workstation, badge):
    """[A1] kill -9: the card is out, also for a program that uses it; the next agent brings it back."""
    card = Connection()
    assert card.sw(SELECT_PIV) == "9000"
    workstation.agent.kill()
    workstation.wait_for_card(False)
    with pytest.raises(PcscError, match="0x80100069"):
        card.sw(SELECT_PIV)
    card.close()
    workstation.start_agent()
    badge.insert()
    with Connection() as again:
        assert again.sw(SELECT_PIV) == "9000"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_pcscd_restarted(workstation, badge, how):
    """[A1] The card is back in the next pcscd by itself, and nothing is verified any more."""
    card = Connection()
    assert card.sw(SELECT_PIV) == "9000" and card.sw(verify_command(FACTORY_PIN)) == "9000"
    assert card.sw("00200080") == "9000"
    getattr(workstation.pcscd, how)()
    wait_until(lambda: phase_of(workstation, badge)[0] == "waiting for the reader", 20, "the agent has noticed")
    wait_until(lambda: "no vpcd listens there: 127.0.0.1:35963: Connection refused" in phase_of(workstation, badge)[1], 20, "it says why")
    workstation.start_pcscd()
    workstation.wait_for_card(True)
    with Connection() as again:
        assert again.sw(SELECT_PIV) == "9000"
        assert again.sw("00200080") == "63C3"


def test_a_server_that_hangs(workstation, badge):
    """[A1] 6F00 for the program when the agent's patience is over, and the card is back with the server."""
    with Connection() as card:
        assert card.sw(SELECT_PIV) == "9000"
        workstation.server.hold()
        try:
            began = time.monotonic()
            assert card.sw(SELECT_PIV) == "6F00"
            assert time.monotonic() - began < 45
            workstation.wait_for_card(False)  # until pcscd knows, vpcd takes silence for success
            with pytest.raises(PcscError, match="0x80100069"):
                card.sw(SELECT_PIV)
        finally:
            workstation.server.signal(signal.SIGCONT)
    wait_until(lambda: phase_of(workstation, badge) == ("inserted", ""), 60, "the card is back")
    workstation.wait_for_card(True)
    with Connection() as card:
        assert card.sw(SELECT_PIV) == "9000"


# -- readers that misbehave --------------------------------------------------------------------------------------------


class SecondWorkstation(FakeVpcd):
    """A reader that the test plays, and a workstation whose card wants to be in it."""

    def __init__(self, stack, directory):
        super().__init__()
        self.stack, self.state = stack, directory
        stack.enrol(state=self.state, name="second")
        self.agent = stack.run_agent(self.state, "--vpcd", f"localhost:{self.port}", "--vpcd-slots", "1")
        self.card = stack.new_card("piv-nist", insert=False)

    def phase(self):
        return phase_of(self.stack, self.card, self.state) or ("", "")


@pytest.fixture(scope="module")
def second(workstation, scratch):
    made = SecondWorkstation(workstation, scratch / "second")
    yield made
    assert made.agent.stop() == 0
    made.close()
    workstation.cli("card", "delete", made.card.id, "--execute")


@pytest.fixture
def reader(second):
    inserting = subprocess.Popen([second.stack.bin / "cardea-agent", "--state-dir", second.state, "insert", second.card.id],
                                 stdout=subprocess.DEVNULL)
    yield second
    inserting.wait(30)
    second.stack.agent_cli("eject", second.card.id, state=second.state)
    assert second.agent.running(), second.agent.text()[-3000:]
    second.turn_away()


def test_garbage(reader):
    """[A1] Whatever is said is a message: each command gets an answer with a status word, or none, for power; nothing is out of step."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with reader.served() as card:
        for _ in range(300):
            payload = rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 6, 12, 260, 3000)))
            say(card, payload)
            if payload not in (b"\x00", b"\x01", b"\x02"):
                answer = hear(card)
                assert answer is not None and len(answer) >= 2, payload[:8].hex()
        say(card, bytes.fromhex(SELECT_PIV))
        assert hear(card)[-2:] == b"\x90\x00"


def test_the_longest_message(reader):
    """[A3] Of 65535 octets; and power that is switched without end."""
    with reader.served() as card:
        say(card, b"\xff" * 0xFFFF)
        assert len(hear(card)) == 2
        for power in (b"\x00", b"\x01", b"\x02") * 1000:
            say(card, power)
        say(card, bytes.fromhex(SELECT_PIV))
        assert hear(card)[-2:] == b"\x90\x00"


def test_a_message_that_stops(reader):
    """[A1] Half a message is waited for five seconds, however its octets trickle; then the card goes, and comes again."""
    for begun in (b"\x00", b"\x00\x05\x00\xa4"):
        with reader.served() as card:
            began = time.monotonic()
            card.sendall(begun)
            assert hear(card) is None
            assert 4 < time.monotonic() - began < 15
    with reader.served() as card:
        card.sendall(struct.pack(">H", 500))
        began = time.monotonic()
        card.settimeout(0.2)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(150):
                card.sendall(b"\x00")
                try:
                    if card.recv(1) == b"":
                        raise BrokenPipeError
                except TimeoutError:
                    pass
        assert 4 < time.monotonic() - began < 15


def test_a_stranger_behind_the_port(reader):
    """[A1] Something that greets, something that is silent, something that hangs up: the agent says so and tries again."""
    with reader.take() as card:
        card.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        assert hear(card) is None
    with reader.take() as card:
        assert hear(card) is None  # it has waited for a question
    wait_until(lambda: "the slot asks for nothing; another card is in it" in reader.phase()[1], 20, "status says so")
    for _ in range(5):
        reader.take().close()
    with reader.served() as card:
        say(card, bytes.fromhex(SELECT_PIV))
        assert hear(card)[-2:] == b"\x90\x00"


def test_a_reader_that_takes_no_answer(reader):
    """[A1] Answers that nobody reads do not keep the agent: it lets go, and comes again."""
    with reader.with_little_room(), reader.served() as card:
        card.settimeout(60)
        with pytest.raises(ConnectionError):
            while True:
                card.sendall(b"\x00\x01\x04" * 1000)  # the ATR, please
    with reader.served() as card:
        say(card, bytes.fromhex(SELECT_PIV))
        assert hear(card)[-2:] == b"\x90\x00"


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "sentence"), [
    (["--readers", "vpcd", "--vpcd", "192.0.2.7:35963"], "192.0.2.7:35963: vpcd encrypts nothing, and commands carry PINs."),
    (["--readers", "vpcd", "--vpcd", "reader.example"], "reader.example:35963: vpcd encrypts nothing"),
    (["--readers", "vpcd", "--vpcd", "127.0.0.1:0"], "127.0.0.1:0: the reader must be HOST, HOST:PORT or [IPV6]:PORT"),
    (["--readers", "vpcd", "--vpcd", "127.0.0.1:65535"], "there are not as many ports as --vpcd-slots says"),
    (["--readers", "vpcd", "--vpcd-slots", "17"], "--vpcd-slots"),
    (["--vpcd", "127.0.0.1:1"], "need --readers vpcd"),
    (["--readers", "connector", "--vpcd-allow-remote"], "need --readers vpcd"),
])
def test_usage(tmp_path, options, sentence):
    """[A1] Refused before anything else, with a sentence that says what to do."""
    done = subprocess.run([build_directory() / "bin" / "cardea-agent", "--state-dir", tmp_path / "state", "run", *options], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_reader_elsewhere_if_asked_for(tmp_path):
    """[A1] With --vpcd-allow-remote the host is no reason to refuse."""
    done = subprocess.run([build_directory() / "bin" / "cardea-agent", "--state-dir", tmp_path / "state", "run", "--readers", "vpcd", "--vpcd",
                           "192.0.2.7:35963", "--vpcd-allow-remote"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "cardea-agent: this workstation is not enrolled; run: cardea-agent enrol\n")
