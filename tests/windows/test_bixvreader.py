"""cardea-agent.exe and a reader that speaks vsmartcard's protocol as BixVReader does, played by the test. [A1]"""

import time
import uuid

import pytest

from cardea_stack import CHEAP_PINS, FACTORY_PIN, running
from fake_vpcd import FakeVpcd, hear, say
from processes import wait_until
from wine import Wine
from workstation import ServerOnly, Workstation

SELECT_PIV = bytes.fromhex("00A4040009A0000003080000100000")
VERIFY = bytes.fromhex("0020008008") + FACTORY_PIN.encode().ljust(8, b"\xff")


@pytest.fixture(scope="module")
def server(scratch):
    with running(ServerOnly(scratch / "vpcd-server", server_config=CHEAP_PINS)) as started:
        yield started


@pytest.fixture(scope="module", params=["x64", "x86"])
def desk(request, server, scratch):
    """An agent that looks for its reader at the test's port, and a card that wants to be in it."""
    workstation = Workstation(Wine(request.param), server, scratch / f"vpcd-{request.param}-{uuid.uuid4().hex[:6]}")
    workstation.enrol()
    workstation.reader = FakeVpcd()
    workstation.start_agent("--readers", "vpcd", "--vpcd", f"localhost:{workstation.reader.port}", "--vpcd-slots", "1")
    workstation.card = server.new_card(insert=False)
    yield workstation
    workstation.stop()
    workstation.reader.close()


@pytest.fixture
def reader(desk):
    inserting = desk.wine.popen("cardea-agent.exe", "--state-dir", desk.state, "insert", desk.card.id, environment=desk.environment)
    yield desk.reader
    inserting.communicate(timeout=60)
    desk.agent_cli("eject", desk.card.id, check=False)
    assert desk.agent.running(), desk.agent.text()[-3000:]
    desk.reader.turn_away()


def test_a_card_is_used(desk, reader):
    """[A1] As BixVReader goes about it: ATR, reset, commands; a PIN is verified, and forgotten at the next reset."""
    with reader.served() as card:
        say(card, b"\x02")
        for command, answer in ((SELECT_PIV, b"\x90\x00"), (bytes.fromhex("00200080"), b"\x63\xc3"), (VERIFY, b"\x90\x00"),
                                (bytes.fromhex("00200080"), b"\x90\x00"), (bytes.fromhex("03"), b"\x67\x00")):
            say(card, command)
            assert hear(card)[-2:] == answer
        say(card, b"\x02")
        say(card, SELECT_PIV)
        assert hear(card)[-2:] == b"\x90\x00"
        say(card, bytes.fromhex("00200080"))
        assert hear(card) == b"\x63\xc3"
        say(card, b"\xff" * 0xFFFF)
        assert len(hear(card)) == 2
        # Ejection is seen at once.
        began = time.monotonic()
        desk.agent_cli("eject", desk.card.id)
        assert hear(card) is None
        assert time.monotonic() - began < 10


def test_readers_that_misbehave(desk, reader):
    """[A1] One that stops in the middle of a message, one that hangs up, one that is silent: the agent comes again."""
    with reader.served() as card:
        card.sendall(b"\x00\x05\x00")
        assert hear(card) is None
    reader.take().close()
    with reader.take() as card:
        assert hear(card) is None
    wait_until(lambda: "the slot asks for nothing" in desk.agent_cli("status")["cards"][0]["detail"], 60, "status says so")
    with reader.served() as card:
        say(card, SELECT_PIV)
        assert hear(card)[-2:] == b"\x90\x00"


def test_usage(desk):
    """[A1] Refused with a sentence, as on Linux; the readers of this system are the two that it has."""
    for options, sentence in ((["--readers", "vpcd", "--vpcd", "192.0.2.7"], "192.0.2.7:35963: vpcd encrypts nothing"),
                              (["--readers", "pcscd"], "--readers: pcscd not in {connector,vpcd}")):
        done = desk.wine.run("cardea-agent.exe", "--state-dir", desk.state, "run", *options, environment=desk.environment)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr


def test_no_reader(desk):
    """[A1] Where nothing listens, status says so."""
    desk.reader.close()
    inserted = desk.wine.run("cardea-agent.exe", "--state-dir", desk.state, "insert", desk.card.id, "--json", environment=desk.environment)
    assert inserted.returncode == 0
    wait_until(lambda: "no vpcd listens there: 127.0.0.1:" in desk.agent_cli("status")["cards"][0]["detail"], 60, "status says so")
