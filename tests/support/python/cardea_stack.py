"""The whole of Cardea on loopback: cardead with SoftHSM and SQLite, pcscd with libifdcardea, cardea-agent.

    stack = Stack(directory).start()
    card = stack.new_card(profile="piv-yubikey5")   # made at the server, inserted into the reader
    subprocess.run(["opensc-tool", "-a"])
    card.remove()
    stack.stop()

With readers="connector" there is no pcscd: the agent is the resource manager, and programs reach it with
stack.connector_env() in their environment. With readers="both" they have the choice. With readers="vpcd" pcscd has
vsmartcard's driver instead of ours, under the same name and with two slots.
"""

import contextlib
import itertools
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import namespace
from pcscd import Pcscd, Place
from processes import PATIENCE, Child, wait_until

ROOT = Path(__file__).resolve().parents[3]
OPENSC_MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
READER = "Cardea 00 00"
VPCD_PORT = 35963
_VPCD_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

FACTORY_PIN, FACTORY_PUK = "123456", "12345678"
FACTORY_MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"

# For server_config, where PINs are tried often and nobody attacks them.
CHEAP_PINS = "[pin]\nksf_memory_kib = 8192\nksf_passes = 1\n"


def build_directory():
    """Where the programs under test are: CARDEA_BUILD, or the preset 'dev'."""
    return Path(os.environ.get("CARDEA_BUILD", ROOT / "build" / "dev"))


_ports = itertools.count(20000)


def free_port():
    """One that nobody else has or gets: the network is our own, and the kernel takes others for the near end of connections."""
    return next(_ports)


class CliError(AssertionError):
    def __init__(self, command, status, text):
        super().__init__(f"{' '.join(map(str, command))}: exit status {status}: {text}")
        self.status, self.text = status, text


class Card:
    """A card at the server that this stack's agent can insert."""

    def __init__(self, stack, card_id, label):
        self.stack, self.id, self.label = stack, card_id, label

    def insert(self):
        status = self.stack.agent_cli("insert", self.id)
        assert status["phase"] == "inserted", status
        self.stack.wait_for_card(present=True)
        return self

    def eject(self):
        self.stack.agent_cli("eject", self.id)
        self.stack.wait_for_card(present=False)

    def remove(self):
        """Ejected and deleted."""
        self.stack.agent_cli("eject", self.id, check=False)
        self.stack.wait_for_card(present=False)
        self.stack.cli("card", "delete", self.id, "--execute")


@contextlib.contextmanager
def running(stack, stop=True):
    """A stack of one's own from its start to its end; what does not stop is killed. `stop=False`: killed at once, where tests leave it in pieces.

    CARDEA_KEEP_LOGS=DIRECTORY keeps what it has written, below the name of its own directory.
    """
    try:
        yield stack.start()
    finally:
        try:
            if stop:
                stack.stop()
        finally:
            stack.kill()
            if os.environ.get("CARDEA_KEEP_LOGS"):
                shutil.copytree(stack.directory, Path(os.environ["CARDEA_KEEP_LOGS"]) / stack.directory.name, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("*.sock"))


class Stack:
    """See the module's text. Everything lives below `directory`."""

    def __init__(self, directory, server_config="", organisation="Test Trust", environment=None, log_level="debug",
                 readers="pcscd", client_pem=None):
        """`client_pem`: certificate and key of who talks to a server that asks for one, the agent and this stack itself."""
        self.client_pem = client_pem
        self.directory = Path(directory)
        self.bin = build_directory() / "bin"
        self.lib = build_directory() / "lib"
        self.organisation = organisation
        self.port = free_port()
        self.data = self.directory / "server"
        self.agent_state = self.directory / "agent"
        self.ifd_socket = self.directory / "ifd.sock"
        self.pcsc_socket = self.directory / "pcsc.sock"
        self.readers = readers
        # Without a pool unless a test is about it: keys in the making take the processor from everything else.
        self._server_config = server_config if "[pool]" in server_config else server_config + "\n[pool]\nrsa2048 = 0\n"
        self._environment = environment or {}
        self._log_level = log_level
        self._cards = 0
        self.server = self.agent = self.pcscd = None
        self._place = Place()

    # -- starting and stopping ---------------------------------------------------------------------------------

    def start(self):
        namespace.enter()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write_server_config()
        self.start_server()
        self.cli("org", "create", self.organisation)
        if self.readers != "connector":
            self.start_pcscd()
        self.enrol()
        self.start_agent()
        return self

    def stop(self):
        """Agent, pcscd, server: in the order in which a workstation and then a server go down."""
        for child in (self.agent, self.pcscd, self.server):
            if child is not None:
                child.stop()
        self._place.leave()

    def kill(self):
        for child in (self.agent, self.pcscd, self.server):
            if child is not None and child.running():
                child.kill()
        self._place.leave()

    def write_server_config(self):
        self.data.mkdir(parents=True, exist_ok=True)
        (self.directory / "cardead.toml").write_text(
            f'[server]\naddress = "127.0.0.1"\nport = {self.port}\ndata_directory = "{self.data}"\n'
            f'[log]\nlevel = "{self._log_level}"\n{self._server_config}', encoding="utf-8")

    def start_server(self, sealed=False):
        """`sealed`: it is up when administrators are heard, although it is not ready."""
        self.server = Child("cardead", [self.bin / "cardead", "serve", "--config", self.directory / "cardead.toml"],
                            self.directory / "cardead.log", self._environment).start()
        if sealed:
            wait_until(lambda: not self.server.running() or self.readiness()[0] == 503, 60, "cardead is sealed")
            assert self.server.running(), self.server.text()[-3000:]
        else:
            self.wait_ready()
        return self.server

    def readiness(self):
        """(status, problem document or None) of /readyz; (0, None) while nobody answers."""
        try:
            return self.https("/readyz").status, None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, None

    def wait_ready(self):
        def ready():
            if not self.server.running():
                raise AssertionError(f"cardead ended with {self.server.wait(1)}:\n{self.server.text()[-3000:]}")
            try:
                return (self.data / "admin.sock").exists() and self.https("/readyz").status == 200
            except OSError:
                return False

        wait_until(ready, 60, "cardead is ready")

    def unread(self):
        """How many octets clients have sent that the server, stopped or busy, has not taken yet; from the kernel's table of this network."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        established = "01"
        return sum(int(row[4].split(":")[1], 16) for row in rows if row[3] == established and int(row[1].split(":")[1], 16) == self.port)

    def https(self, path):
        context = ssl.create_default_context(cafile=str(self.data / "tls" / "ca.pem"))
        if self.client_pem:
            context.load_cert_chain(self.client_pem)
        return urllib.request.urlopen(f"https://127.0.0.1:{self.port}{path}", context=context, timeout=10)

    def start_pcscd(self, slots=1, options=()):
        configuration = self.directory / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        device, library, channel = f"unix:{self.ifd_socket}:{slots}", self.lib / "libifdcardea.so", 1
        if self.readers == "vpcd":
            device, library, channel = f"/dev/null:0x{VPCD_PORT:X}", _VPCD_DRIVER, f"0x{VPCD_PORT:X}"
        (configuration / "cardea").write_text(f'FRIENDLYNAME "Cardea"\nDEVICENAME {device}\nLIBPATH {library}\n'
                                              f"CHANNELID {channel}\n", encoding="utf-8")
        self.pcscd = Pcscd(self._place, configuration, self.directory / "pcscd.log", options)
        self.pcscd.start(ready=lambda: self.readers == "vpcd" or self.ifd_socket.exists())
        return self.pcscd

    def enrol(self, role="registrar", state=None, name="workstation"):
        code = self.cli("device", "code", "--org", self.organisation, "--role", role)["code"]
        command = [self.bin / "cardea-agent", "--state-dir", state or self.agent_state, "enrol", "--server",
                   f"https://127.0.0.1:{self.port}", "--ca", self.data / "tls" / "ca.pem", "--code-file", "-", "--name",
                   name]
        if self.client_pem:
            command += ["--client-certificate", self.client_pem]
        self._run(command, input_text=code + "\n")

    def start_agent(self):
        self.agent = self.run_agent(self.agent_state)
        return self.agent

    def run_agent(self, state, *more):
        """An agent of its own for each state directory, all at the one driver."""
        agent = Child("cardea-agent", [self.bin / "cardea-agent", "--state-dir", state, "run", "--readers", self.readers,
                                       "--ifd-socket", self.ifd_socket, "--pcsc-socket", self.pcsc_socket, *more],
                      self.directory / f"{Path(state).name}.log", self._environment).start()
        self.wait_for_agent(state)
        return agent

    def wait_for_agent(self, state=None):
        wait_until(lambda: self.agent_cli("status", check=False, state=state) is not None, 20, "the agent answers")

    # -- using ---------------------------------------------------------------------------------------------------

    def _run(self, command, input_text=None, check=True):
        done = subprocess.run([str(part) for part in command], input=input_text, capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode != 0:
            if check:
                raise CliError(command, done.returncode, done.stderr)
            return None
        return done.stdout

    def cli(self, *arguments, check=True):
        """`cardea … --json`, parsed; None when it failed and check is off."""
        text = self._run([self.bin / "cardea", "--socket", self.data / "admin.sock", *arguments, "--json"], check=check)
        return json.loads(text) if text else None

    def agent_cli(self, *arguments, check=True, state=None):
        text = self._run([self.bin / "cardea-agent", "--state-dir", state or self.agent_state, *arguments, "--json"], check=check)
        return json.loads(text) if text else None

    def connector_env(self, preload=False):
        """For a program that is to reach the agent itself instead of pcscd."""
        way = {"LD_PRELOAD": str(self.lib / "libcardea-winscard.so")} if preload else \
            {"LD_LIBRARY_PATH": str(self.lib / "cardea" / "winscard")}
        return {**way, "CARDEA_PCSC_SOCKET": str(self.pcsc_socket)}

    def new_card(self, profile="piv-yubikey5", insert=True):
        self._cards += 1
        label = f"card {self._cards}"
        made = self.cli("card", "create", "--org", self.organisation, "--profile", profile, "--label", label)
        card = Card(self, made["id"], label)
        return card.insert() if insert else card

    def wait_for_card(self, present, timeout=20, reader=READER):
        """By SCardGetStatusChange, as any application would wait; wherever cards are shown."""
        timeout *= PATIENCE
        if self.readers in ("connector", "both"):
            subprocess.run([self.bin / "pcsc_probe", "wait-present" if present else "wait-empty", reader], check=True,
                           env={**os.environ, **self.connector_env()}, timeout=timeout + 10)
        if self.readers == "connector":
            return
        from smartcard import scard  # pcscd must be up before the module is used

        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        assert result == scard.SCARD_S_SUCCESS, scard.SCardGetErrorMessage(result)
        try:
            state = scard.SCARD_STATE_UNAWARE
            wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
            for _ in range(20):
                result, states = scard.SCardGetStatusChange(context, timeout * 1000, [(reader, state)])
                assert result == scard.SCARD_S_SUCCESS, \
                    f"waiting for present={present}: {scard.SCardGetErrorMessage(result)}"
                state = states[0][1]
                if state & wanted:
                    return
            raise AssertionError("the reader's state never settled")
        finally:
            scard.SCardReleaseContext(context)
