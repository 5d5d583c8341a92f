"""libcardea-winscard.so in the place of libpcsclite.so.1: the same programs, the same output, with pcscd and without."""

import difflib
import os
import re
import signal
import subprocess
import threading

import pytest

from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, OPENSC_MODULE, READER, Stack, running

ALONE = ["contexts", "lists", "connects", "sharing", "statuses", "transmits", "controls", "attributes", "resets", "transactions",
         "processes", "death", "changes", "words"]


@pytest.fixture(scope="module")
def both(stack):
    """The stack's agent shows its cards in both ways for this file."""
    stack.agent.stop()
    stack.readers = "both"
    stack.start_agent()
    yield stack
    stack.agent.stop()
    stack.readers = "pcscd"
    stack.start_agent()


@pytest.fixture(scope="module")
def shown(both):
    """A card that is in a reader of each."""
    made = both.new_card("piv-yubikey5")
    yield made
    made.remove()


@pytest.fixture
def alone(scratch, opensc_conf):
    """An agent without pcscd."""
    with running(Stack(scratch / f"alone{len(os.listdir(scratch))}", readers="connector"), stop=False) as started:
        yield started


def environment(stack, way):
    return {**os.environ, **({} if way == "pcscd" else stack.connector_env(preload=way == "preload"))}


def converse(stack, way, scenario, answers=None, reader=READER):
    """The output of the probe; where it says "> what", answers[what]() is called."""
    probe = subprocess.Popen([stack.bin / "pcsc_probe", scenario, reader], env=environment(stack, way), text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    # With its children, which hold the pipe that is read here.
    guard = threading.Timer(60, os.killpg, (probe.pid, signal.SIGKILL))
    guard.start()
    try:
        lines = []
        for line in probe.stdout:
            lines.append(line)
            if line.startswith("> "):
                answers[line[2:].strip()]()
                probe.stdin.write("\n")
                probe.stdin.flush()
        assert probe.wait(10) == 0, "".join(lines)
        return "".join(lines)
    finally:
        guard.cancel()
        probe.kill()


def same(first, second):
    assert first == second, "\n" + "\n".join(difflib.unified_diff(first.splitlines(), second.splitlines(), "pcscd", "connector",
                                                                  lineterm="", n=6))


@pytest.mark.parametrize("scenario", ALONE)
def test_probe_sees_no_difference(both, shown, scenario):
    """[A1][A2] A PC/SC program that was compiled for libpcsclite prints octet for octet the same."""
    expected = converse(both, "pcscd", scenario)
    assert expected.count("\n") >= 1
    same(expected, converse(both, "connector", scenario))


def test_preloaded(both, shown):
    """[A2] LD_PRELOAD is the other way in, for programs that open the library by name as well."""
    same(converse(both, "pcscd", "statuses"), converse(both, "preload", "statuses"))
    run = subprocess.run(["opensc-tool", "-a"], env=environment(both, "preload"), capture_output=True, text=True, check=True)
    assert run.stdout == subprocess.run(["opensc-tool", "-a"], capture_output=True, text=True, check=True).stdout


def test_same_symbols_as_libpcsclite(both):
    """[A2] What Debian's library exports, no more and no less."""
    def symbols(library):
        listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
        return sorted(tuple(line.split()[1:]) for line in listed.splitlines())

    assert symbols(both.lib / "libcardea-winscard.so") == symbols("/usr/lib/x86_64-linux-gnu/libpcsclite.so.1")


def test_removal_and_insertion(both, shown):
    """[A1][A2] A card that is ejected, and put back: what connections, waits and transactions hear of it."""
    def eject():
        both.agent_cli("eject", shown.id)

    def insert():
        both.wait_for_card(present=False)  # in both ways, before it comes back
        both.agent_cli("insert", shown.id)

    printed = {}
    for way in ("pcscd", "connector"):
        printed[way] = converse(both, way, "removal", {"eject": eject, "insert": insert})
        both.wait_for_card(present=True)
    same(printed["pcscd"], printed["connector"])


PROGRAMS = {
    "opensc atr": ["opensc-tool", "-a"],
    "opensc readers": ["opensc-tool", "-l"],
    "opensc name": ["opensc-tool", "-n"],
    "opensc apdu": ["opensc-tool", "-s", "00A4040005A000000308", "-s", "00200080", "-s", "00CB3FFF055C035FC10200"],
    "opensc piv": ["piv-tool", "-n"],
    "pkcs15": ["pkcs15-tool", "-D"],
    "pkcs11 slots": ["pkcs11-tool", "--module", OPENSC_MODULE, "-L"],
    "pkcs11 objects": ["pkcs11-tool", "--module", OPENSC_MODULE, "-O"],
    "yubico": ["yubico-piv-tool", "-r", READER, "-a", "status"],
    "ykman": ["ykman", "-r", READER, "piv", "info"],
    "pyscard": ["/usr/bin/python3", "-c", "import smartcard.System as s; r = s.readers(); print(r); c = r[0].createConnection(); c.connect();"
                                 "print(c.getATR(), c.transmit([0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8]))"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_print_the_same(both, shown, program):
    """[A1][A2] Programs of others, unmodified, print the same."""
    runs = [subprocess.run(PROGRAMS[program], env=environment(both, way), capture_output=True, text=True, timeout=120, check=False)
            for way in ("pcscd", "connector")]
    assert runs[0].returncode == 0, runs[0].stderr
    # pkcs11-tool prints where its objects are in its own memory.
    same(*(re.sub(r"object \d+", "object", run.stdout + run.stderr) for run in runs))
    assert runs[1].returncode == 0


def test_pkcs11_login_and_keys(both, shown, tool, tmp_path):
    """[A2][A4] Keys made, certificates written, and pkcs11-tool's own test passed, all of it without pcscd."""
    ykman = ["ykman", "-r", READER, "piv"]
    for slot, algorithm in {"9a": "RSA2048", "9c": "ECCP256"}.items():
        public = tmp_path / f"{slot}.pem"
        tool(*ykman, "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", algorithm, slot, public, env=both.connector_env())
        tool(*ykman, "certificates", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-s", f"CN=holder {slot}", slot,
             public, env=both.connector_env())
    outputs = []
    for way in ("pcscd", "connector"):
        run = subprocess.run(["pkcs11-tool", "--module", OPENSC_MODULE, "--test", "--login", "--pin", FACTORY_PIN],
                             env=environment(both, way), capture_output=True, text=True, timeout=240, check=False)
        assert run.returncode == 0 and "No errors" in run.stdout, run.stdout + run.stderr
        outputs.append(run.stdout)
    same(*outputs)


def test_forked_child_begins_anew(both, shown):
    """[A2] After fork() the child's handles are void, its own contexts work, and the parent goes on."""
    printed = converse(both, "connector", "forked").splitlines()
    assert [line.split(" = ")[1][:8] for line in printed] == \
        ["80100003", "80100003", "80100003", "00000000", "00000000", "00000000", "00000000", "00000000"]


def test_killed_and_back(both, shown):
    """[A2] No call hangs when pcscd, or the agent, dies; both are missed alike, and contexts that are established anew work."""
    def start_pcscd():
        both.start_pcscd()
        both.wait_for_card(present=True)

    def start_agent():
        both.start_agent()
        shown.insert()

    expected = converse(both, "pcscd", "service-gone", {"kill": both.pcscd.kill, "start": start_pcscd})
    printed = converse(both, "connector", "service-gone", {"kill": both.agent.kill, "start": start_agent})
    # What libpcsclite calls it when pcscd dies during a wait depends on the moment: three words were seen.
    waiting = re.compile(r"waiting = .*")
    assert waiting.search(printed)[0] == "waiting = 8010001D Service not available."
    same(waiting.sub("waiting", expected), waiting.sub("waiting", printed))


def test_stopped_agent_takes_its_cards_along(alone):
    """[A2] Nobody there: the service is not available, as with pcscd."""
    alone.agent.stop()
    printed = converse(alone, "connector", "no-service")
    assert "8010001D Service not available." in printed
    assert not alone.pcsc_socket.exists()


def test_many_readers(alone):
    """[A2] As many readers as cards; they stay when the cards go, and the first free one is used again."""
    cards = [alone.new_card("piv-nist", insert=False) for _ in range(20)]
    for card in cards:
        assert alone.agent_cli("insert", card.id)["reader"] == "connector"
    listed = subprocess.run(["opensc-tool", "-l"], env=environment(alone, "connector"), capture_output=True, text=True, check=True).stdout
    assert "Cardea 00 00" in listed and "Cardea 00 0F" in listed and "Cardea 00 13" in listed
    alone.agent_cli("eject", cards[3].id)
    alone.wait_for_card(present=False, reader="Cardea 00 03")
    alone.agent_cli("insert", cards[3].id)
    alone.wait_for_card(present=True, reader="Cardea 00 03")
    assert [entry["phase"] for entry in alone.agent_cli("status")["cards"]] == ["inserted"] * 20


def test_issued_through_the_connector(alone, tool, tmp_path):
    """[A2][A3] cardea-cms issues a card end to end, with no pcscd and no driver."""
    import json

    alone.new_card("piv-yubikey5")
    for name, value in {"pin": "471147", "puk": "31415926", "key": os.urandom(24).hex()}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
    plans = alone.bin.parents[2] / "cms-connector" / "perso" / "plans"
    env = environment(alone, "connector")
    subprocess.run([alone.bin / "cardea-cms", "ca", "init", tmp_path / "ca"], check=True)
    issued = subprocess.run([alone.bin / "cardea-cms", "issue", "--reader", READER, "--plan", plans / "piv-standard.json", "--ca",
                             tmp_path / "ca", "--subject", "CN=Ada Example,O=Example Trust", "--state", tmp_path / "state.json",
                             "--execute", "--json", "--pin-file", tmp_path / "pin", "--puk-file", tmp_path / "puk",
                             "--management-key-file", tmp_path / "key"], env=env, capture_output=True, text=True, timeout=200, check=False)
    assert issued.returncode == 0, issued.stderr
    assert sorted(json.loads(issued.stdout)["slots"]) == ["9A", "9C", "9D", "9E"]
    status = subprocess.run(["yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", "471147", "-a", "status"], env=env,
                            capture_output=True, text=True, timeout=60, check=True)
    assert status.stdout.count("CN=Ada Example") == 4, status.stdout
