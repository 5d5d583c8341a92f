"""The agent, and a server that hangs: nobody waits for it."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from cardea_stack import build_directory
from pcsc import Connection, PcscError
from processes import Child, wait_until

AGENT = build_directory() / "bin" / "cardea-agent"
SELECT_PIV = "00A404000BA000000308000010000100"


@pytest.fixture
def hung_server():
    """Accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def enrolled_at(tmp_path):
    """A state directory that looks enrolled at a port of this machine."""
    def make(port):
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        (state / "device.key").write_bytes(os.urandom(32))
        (state / "device.json").write_text(json.dumps({"server": f"https://127.0.0.1:{port}", "device": "d"}), encoding="utf-8")
        return state
    return make


def started(tmp_path, state, *more):
    agent = Child("cardea-agent", [AGENT, "--state-dir", state, "run", "--ifd-socket", tmp_path / "none.sock", *more], tmp_path / "agent.log").start()
    wait_until((state / "agent.sock").exists, 10, "the agent is up")
    return agent


# Seconds. The agent takes 3 at the most by its own clock, and its request would hang for 20: between the two, for a machine with other work.
AT_ONCE = 10


def ended_at_once(agent):
    began = time.monotonic()
    agent.signal(signal.SIGTERM)
    status = agent.wait(60)
    assert time.monotonic() - began < AT_ONCE
    return status


def test_end_while_the_server_hangs(tmp_path, hung_server, enrolled_at):
    """[A1] SIGTERM ends the agent at once although a request is under way."""
    agent = started(tmp_path, enrolled_at(hung_server.getsockname()[1]), "--insert", "all")
    connection, _ = hung_server.accept()
    with connection:
        assert connection.recv(1) != b""  # the request has begun
        assert ended_at_once(agent) == 0


def test_end_while_the_server_is_away(tmp_path, enrolled_at):
    """[A1] The card asked for at start is tried again, and the end does not wait for the next attempt."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and nobody listens
        agent = started(tmp_path, enrolled_at(unused.getsockname()[1]), "--insert", "badge")
        wait_until(lambda: agent.text().count("inserting badge") >= 2, 20, "it was tried twice")
        assert ended_at_once(agent) == 0


def test_not_enrolled(tmp_path):
    """[F6] Neither enrolled nor running: an exit status each, and a sentence that says what to do."""
    done = subprocess.run([AGENT, "--state-dir", tmp_path / "state", "run"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "cardea-agent: this workstation is not enrolled; run: cardea-agent enrol\n")
    done = subprocess.run([AGENT, "--state-dir", tmp_path / "state", "status"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (3, f"cardea-agent: no agent is running here ({tmp_path}/state/agent.sock: No such file "
                                                 "or directory); start one with: cardea-agent run\n")


def test_enrol_needs_a_server_url(tmp_path):
    """[F1][F6] Nothing but https, and nothing is written for anything else."""
    done = subprocess.run([AGENT, "--state-dir", tmp_path / "state", "enrol", "--server", "http://h", "--code-file", "-"], input="code\n",
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "--server: http://h: the server must be https://HOST or https://HOST:PORT\n"
                                                 "Run with --help for more information.\n")
    assert not (tmp_path / "state").exists()


@pytest.fixture
def stopped_server(stack):
    """A card in the reader, and a server that has stopped in the middle of a command."""
    made = stack.new_card("piv-nist")
    connection = Connection()
    assert connection.sw(SELECT_PIV) == "9000"
    stack.server.hold()
    outcome = []

    def transmit():
        try:
            outcome.append(connection.sw(SELECT_PIV))
        except PcscError as error:
            outcome.append(error)

    application = threading.Thread(target=transmit)
    application.start()
    wait_until(lambda: stack.unread() > 0, 20, "the command has come to the server, which does not read it")
    yield made, application, outcome
    stack.server.signal(signal.SIGCONT)
    application.join(60)
    connection.close()


def test_eject_while_the_server_hangs(stack, stopped_server):
    """[A1] The card is out at once, for the application too, and the command line returns."""
    made, application, outcome = stopped_server
    began = time.monotonic()
    stack.agent_cli("eject", made.id)
    application.join(60)
    assert time.monotonic() - began < AT_ONCE
    assert isinstance(outcome[0], PcscError)
    stack.wait_for_card(False)


def test_stop_while_the_server_hangs(stack, stopped_server):
    """[A1] The whole workstation can go down."""
    _, application, outcome = stopped_server
    assert ended_at_once(stack.agent) == 0
    application.join(60)
    assert isinstance(outcome[0], PcscError)
    stack.wait_for_card(False)
    stack.server.signal(signal.SIGCONT)
    stack.start_agent()
