"""The agent finds its server or its driver missing, or loses its rights or its session: it waits, says why, and goes on by itself."""

import time

import pytest

import piv
from cardea_stack import FACTORY_PIN, Stack, running
from faultlib import connect_patiently
from pcsc import Connection, PcscError, verify_command
from processes import Child, wait_until


@pytest.fixture(scope="module")
def stack(scratch):
    """A server that ends idle sessions soon."""
    with running(Stack(scratch / "late", server_config='[limits]\nsession_idle = "10s"\n'), stop=False) as started:
        yield started


def place(stack, card):
    """Where the agent says the card is: (phase, detail)."""
    status = stack.agent_cli("status")
    return next(((c["phase"], c["detail"]) for c in status["cards"] if c["id"] == card.id), None)


def start_agent(stack, *wanted):
    """The agent with `--insert` on its command line."""
    options = [part for name in wanted for part in ("--insert", name)]
    stack.agent = Child("cardea-agent", [stack.bin / "cardea-agent", "--state-dir", stack.agent_state, "run", "--ifd-socket",
                                         stack.ifd_socket, *options], stack.directory / "agent.log").start()
    wait_until(lambda: stack.agent_cli("status", check=False) is not None, 20, "the agent answers")


@pytest.mark.parametrize("wanted", ["all", "label"])
def test_server_comes_later(stack, wanted):
    """[A1] A workstation that is up before its server: the card is in the reader when the server is there."""
    card = stack.new_card(insert=False)
    assert stack.agent.stop() == 0
    assert stack.server.stop() == 0
    before = len(stack.agent.text())
    start_agent(stack, "all" if wanted == "all" else card.label)
    asked = "listing the cards:" if wanted == "all" else f"inserting {card.label}:"
    wait_until(lambda: asked in stack.agent.text()[before:], 20, "the agent says that it cannot reach the server")
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    assert place(stack, card) == ("inserted", "")
    card.remove()


def test_agent_stops_while_it_waits_for_the_server(stack):
    """[A1] SIGTERM ends an agent that has reached nothing yet."""
    assert stack.agent.stop() == 0
    assert stack.server.stop() == 0
    start_agent(stack, "all")
    assert stack.agent.stop(10) == 0
    stack.start_server()
    stack.start_agent()


def test_driver_comes_later(stack):
    """[A1] Without pcscd the agent says that it waits for the reader; the card is in it as soon as there is one."""
    card = stack.new_card(insert=False)
    assert stack.pcscd.stop() == 0
    stack.ifd_socket.unlink(missing_ok=True)
    assert stack.agent.stop() == 0
    start_agent(stack, card.id)
    wait_until(lambda: (place(stack, card) or ("",))[0] == "waiting for the reader", 20, "the agent says what it waits for")
    assert place(stack, card)[1] != ""
    stack.start_pcscd()
    stack.wait_for_card(present=True, timeout=30)
    wait_until(lambda: place(stack, card) == ("inserted", ""), 5, "the agent knows")
    card.remove()


def test_idle_session(stack):
    """[C4] The server has ended the idle session: the next application finds a working card, not a removal."""
    card = stack.new_card()
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    wait_until(lambda: stack.cli("session", "list") == [], 40, "the session has ended")
    with Connection() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    assert stack.agent.text().count(f"card={card.id} inserted") == 1
    card.remove()


def test_idle_session_with_a_verified_pin(stack):
    """[C4] A PIN that was verified does not outlive its session: the application sees the card removed, and nothing signs without PIN."""
    card = stack.new_card()
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        wait_until(lambda: stack.cli("session", "list") == [], 40, "the session has ended")
        with pytest.raises(PcscError):
            piv.sign_p256(connection, bytes(32))
    with connect_patiently() as connection:
        assert piv.sign_p256(connection, bytes(32))[1] == "6982"
    card.remove()


def test_device_revoked(stack):
    """[C4] A revoked workstation: the command fails, the card leaves the reader for good, and the agent says why."""
    card = stack.new_card()
    device = stack.agent_cli("status")["device"]
    with Connection() as connection:
        assert connection.sw("00200080") == "63C3"
        stack.cli("device", "revoke", device)
        began = time.monotonic()
        with pytest.raises(PcscError):
            connection.sw("00200080")
        assert time.monotonic() - began < 10
    stack.wait_for_card(present=False)
    wait_until(lambda: place(stack, card)[0] == "refused", 10, "the agent has given up")
    assert place(stack, card) == ("refused", "the device has been revoked")
