"""The driver alone: pcscd with libifdcardea and an agent that answers from a table."""

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import namespace
from cardea_stack import READER, build_directory
from pcsc import Connection, PcscError
from pcscd import Pcscd, Place
from processes import wait_until


GROUP = 4242  # cardea's, for these tests
AT_ONCE = 20  # seconds: the driver's deadline for a command is 40


class Driver:
    """pcscd with one reader; agents are programs of their own."""

    def __init__(self, directory):
        self.directory, self.socket = directory, directory / "ifd.sock"
        self.agents = []
        self._place = Place()

    def start(self):
        configuration = self.directory / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        (configuration / "cardea").write_text(
            f'FRIENDLYNAME "Cardea"\nDEVICENAME unix:{self.socket}\n'
            f"LIBPATH {build_directory() / 'lib' / 'libifdcardea.so'}\nCHANNELID 1\n", encoding="utf-8")
        self.pcscd = Pcscd(self._place, configuration, self.directory / "pcscd.log").start(ready=self.socket.exists)
        return self

    def stop(self):
        self.pcscd.stop()
        self._place.leave()

    def insert(self, **more):
        agent = subprocess.Popen([build_directory() / "bin" / "cardea_fake_agent", self.socket], stdout=subprocess.PIPE, text=True, **more)
        self.agents.append(agent)
        return agent, agent.stdout.readline().strip()

    def inserted(self):
        """An agent whose card is in the reader, however often the driver asks to wait."""
        def attempt():
            agent, said = self.insert()
            return agent if said == "inserted" else None
        agent = wait_until(attempt, 10, "the card is inserted")
        wait_for(True)
        return agent

    def clear(self):
        for agent in self.agents:
            agent.kill()
            agent.wait(10)
        self.agents.clear()
        wait_for(False)


def wait_for(present):
    from smartcard import scard
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    state, wanted = scard.SCARD_STATE_UNAWARE, scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
    try:
        for _ in range(20):
            result, states = scard.SCardGetStatusChange(context, 30000, [(READER, state)])
            assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
            state = states[0][1]
            if state & wanted:
                return
        raise AssertionError("the reader's state never settled")
    finally:
        scard.SCardReleaseContext(context)


@pytest.fixture(scope="module")
def running(scratch):
    namespace.enter()
    directory = scratch / "driver"
    directory.mkdir()
    groups = directory / "group"
    groups.write_text(f"root:x:0:\ncardea:x:{GROUP}:\n", encoding="utf-8")
    subprocess.run(["mount", "--bind", groups, "/etc/group"], check=True)  # of this namespace only
    driver = Driver(directory).start()
    yield driver
    driver.stop()
    subprocess.run(["umount", "/etc/group"], check=True)


@pytest.fixture
def driver(running):
    yield running
    running.clear()
    assert running.pcscd.running(), "pcscd did not survive:\n" + running.pcscd.text()[-3000:]


def test_insertion_and_removal(driver):
    """[A1] Seen by events, at once: far below a polling interval times the rounds."""
    for _ in range(20):
        agent = driver.inserted()
        agent.kill()
        wait_for(False)


def test_lengths(driver):
    """[A3] Commands of every length up to the largest, responses too."""
    driver.inserted()
    with Connection() as card:
        for size in (1, 2, 255, 256, 257, 32767, 65534, 65535):
            command = "00220000" + (f"{size:02X}" if size < 256 else f"00{size:04X}") + "AB" * size
            assert card.transmit(command) == (f"{len(command) // 2:08X}", "9000")
        assert card.transmit("0022000000FFFF" + "AB" * 65535 + "0000") == (f"{65544:08X}", "9000")
        for size in (1, 256, 65535, 65536):
            data, sw = card.transmit(f"0020{size & 0xFFFF:04X}")
            assert (len(data) // 2, sw) == (size, "9000")


@pytest.mark.parametrize("command", ["00", "01", "02", "04", "00A4", "00A404", "00A40400050102", "00A404000001"])
def test_no_command(driver, command):
    """[A3] What is no command gets 6700, and the card lives on."""
    driver.inserted()
    with Connection() as card:
        assert card.transmit(command) == ("", "6700")
        assert card.sw("00A40400") == "9000"


def test_resets(driver):
    """[A1] A reset on request reaches the card."""
    driver.inserted()
    with Connection() as card:
        before = int(card.transmit("00280000")[0], 16)
        card.reconnect()
        assert int(card.transmit("00280000")[0], 16) == before + 1


def test_garbage_on_the_socket(driver):
    """[F6] What is no frame is hung up on, at any length, and the card in the reader answers on."""
    driver.inserted()
    with Connection() as card:
        for size in (1, 5, 64, 70000):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(10)
                stranger.connect(str(driver.socket))
                try:
                    stranger.sendall(b"\xff" * size)
                    stranger.shutdown(socket.SHUT_WR)
                    assert stranger.recv(10) == b""
                except (BrokenPipeError, ConnectionResetError):
                    pass
            assert card.sw("00A40400") == "9000"


def test_takeover_by_another_user(driver):
    """[A1][F6] Neither while the card is there nor right after it went, even for who may use the reader; others not at all."""
    # cardea_fake_agent is opened before the user changes: the build folder may be root's alone.
    program = os.open(build_directory() / "bin" / "cardea_fake_agent", os.O_RDONLY)
    Path(driver.socket).parent.chmod(0o755)
    driver.socket.parent.parent.chmod(0o755)

    def as_nobody(*groups):
        run = subprocess.run([f"/proc/self/fd/{program}", str(driver.socket)], capture_output=True, text=True, user=65534,
                             group=65534, extra_groups=groups, pass_fds=[program], timeout=60, check=False)
        return run.returncode, run.stdout

    try:
        agent = driver.inserted()
        assert as_nobody() == (3, "")  # cannot even connect
        driver.socket.chmod(0o666)
        assert as_nobody() == (1, "refused: user 65534 may not put cards into this reader: not in group cardea\n")
        driver.socket.chmod(0o660)
        assert as_nobody(GROUP) == (1, "refused: the slot holds a card already\n")
        agent.kill()
        agent.wait(10)
        wait_for(False)
        code, said = as_nobody(GROUP)
        assert code == 1 and said.startswith("refused: the slot was another user's")
    finally:
        os.close(program)


def test_agent_goes_in_the_middle(driver):
    """[A1] An error at once, not at the deadline."""
    driver.inserted()
    card = Connection()
    began = time.monotonic()
    with pytest.raises(PcscError):
        card.transmit("00260000")
    assert time.monotonic() - began < AT_ONCE
    card.close()
    wait_for(False)
    driver.inserted()
    with Connection() as again:
        assert again.sw("00A40400") == "9000"


def test_agent_killed_in_the_middle(driver):
    """[A1] By kill -9, with a command under way: an error at once, and the reader is empty."""
    agent = driver.inserted()
    card = Connection()
    moment = []

    def kill_when_asked():
        moment.append(agent.stdout.readline())
        moment.append(time.monotonic())
        agent.kill()

    killer = threading.Thread(target=kill_when_asked, daemon=True)
    killer.start()
    with pytest.raises(PcscError):
        card.transmit("00240000")
    ended = time.monotonic()
    killer.join(60)
    assert moment[:1] == ["asked\n"]
    assert ended - moment[1] < AT_ONCE
    card.close()
    wait_for(False)


def test_control(driver):
    """[A1] pcscd survives every SCardControl; the feature list is empty."""
    from smartcard import scard
    driver.inserted()
    with Connection() as card:
        handle = card._card
        result, features = scard.SCardControl(handle, 0x42000000 + 3400, [])
        assert (result, list(features)) == (scard.SCARD_S_SUCCESS, [])
        for code in (0, 1, 0x42000001, 0x7FFFFFFF, 0x42000DCC):
            for size in (0, 1, 255, 60000):
                result, _ = scard.SCardControl(handle, code, [0xFF] * size)
                assert result != scard.SCARD_S_SUCCESS
        assert card.sw("00A40400") == "9000"


def test_pcscd_killed(driver):
    """[A1] The next pcscd listens on the same path."""
    driver.inserted()
    driver.pcscd.signal(signal.SIGKILL)
    driver.pcscd.wait(10)
    driver.start()
    driver.inserted()
    with Connection() as card:
        assert card.sw("00A40400") == "9000"
