"""Card keys of an organisation: the ceremony, what is shown of them, and what stays inside the HSM."""

import json
import os
import pty
import select
import subprocess
import termios

import pytest

from cardea_stack import CHEAP_PINS, CliError, Stack, running
from processes import descendants, memory_of, wait_until

MASTER = bytes(range(0x40, 0x60))  # AES-256; its check value is ECDCD8
MASK = bytes(range(0x80, 0xA0))


@pytest.fixture(scope="module")
def stack(scratch):
    with running(Stack(scratch / "keys", server_config=CHEAP_PINS)) as started:
        yield started


@pytest.fixture
def organisation(stack, request):
    name = request.node.name
    stack.cli("org", "create", name)
    return name


def run(stack, *arguments, typed=""):
    """(exit status, standard output, standard error) of cardea."""
    done = subprocess.run([stack.bin / "cardea", "--socket", stack.data / "admin.sock", *arguments], input=typed,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def audit(stack, organisation):
    return [(line["action"], line["success"], line["detail"]) for line in
            reversed(stack.cli("audit", "list", "--org", organisation)) if "card_keys" in line["action"]]


def test_made_shown_and_retired(stack, organisation):
    """[A6][F6] The HSM makes them; nobody is shown more than their check values."""
    assert stack.cli("org", "card-keys", "show", organisation) == []
    made = stack.cli("org", "card-keys", "create", organisation, "--three", "--key-version", "48")
    assert made["protocol"] == "scp03" and made["i"] == "70" and made["diversification"] == "kdf3"
    assert made["algorithm"] == "aes-256" and made["origin"] == "made in the HSM" and made["state"] == "in use"
    assert made["key_version"] == 48 and made["masters"] == 3 and len(set(made["check_values"])) == 3
    with pytest.raises(CliError) as refusal:
        stack.cli("org", "card-keys", "create", organisation)
    assert refusal.value.status == 1
    assert refusal.value.text == "cardea: the organisation has card keys in use: retire them first\n"

    dry = run(stack, "org", "card-keys", "retire", organisation)
    assert dry[0] == 0 and dry[1].startswith("Dry run: DELETE ")
    assert stack.cli("org", "card-keys", "show", organisation) == [made]
    retired = stack.cli("org", "card-keys", "retire", organisation, "--execute")
    assert retired["state"] == "retired" and retired["check_values"] == made["check_values"]
    assert run(stack, "org", "card-keys", "retire", organisation, "--execute")[0::2] == (
        1, "cardea: the organisation has no card keys in use\n")
    again = stack.cli("org", "card-keys", "create", organisation, "--algorithm", "tdes-2key")
    assert again["protocol"] == "scp02" and again["i"] == "55" and again["diversification"] == "visa2"
    assert [one["state"] for one in stack.cli("org", "card-keys", "show", organisation)] == ["in use", "retired"]
    text = run(stack, "org", "card-keys", "show", organisation)[1]
    assert again["check_values"][0] in text and "tdes-2key" in text

    actions = audit(stack, organisation)
    assert [(action, good) for action, good, _ in actions] == [
        ("organisation.card_keys.create.intent", True), ("organisation.card_keys.create", True),
        ("organisation.card_keys.retire", True),
        ("organisation.card_keys.create.intent", True), ("organisation.card_keys.create", True)]
    assert actions[1][2]["check_values"] == "".join(made["check_values"])


def test_components_of_several_officers(stack, organisation):
    """[A6] Components are typed one after the other; each is confirmed by its check value, none is shown."""
    other = bytes(a ^ b for a, b in zip(MASTER, MASK))
    typed = f"{MASK.hex()}\n{other.hex().upper()}\n"
    import_it = ("org", "card-keys", "import", organisation, "--components", "2")
    status, _, told = run(stack, *import_it, "--kcv", "000000", typed=typed)
    assert status == 1
    assert told.endswith("cardea: these are other keys: their check values are ECDCD8\n")
    assert stack.cli("org", "card-keys", "show", organisation) == []

    status, text, told = run(stack, *import_it, "--kcv", "ECDCD8", "--json", typed=typed)
    assert status == 0, told
    made = json.loads(text)
    assert made["origin"] == "imported" and made["check_values"] == ["ECDCD8"] and made["masters"] == 1
    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "component 1 of 2, master key", "component 2 of 2, master key", "master key"]
    assert told.splitlines()[2] == "master key: check value ECDCD8"
    for secret in (MASK, other, MASTER):
        assert secret.hex().lower() not in (told + text).lower()
    assert [(action, good) for action, good, _ in audit(stack, organisation)] == [
        ("organisation.card_keys.import.intent", True), ("organisation.card_keys.import", False),
        ("organisation.card_keys.import.intent", True), ("organisation.card_keys.import", True)]


def test_an_imported_key_does_not_stay(stack, organisation):
    """[A6][B3] It passes through the server on its way into the HSM's wrapping; afterwards neither the server nor a signer has it."""
    key, mask = os.urandom(32), os.urandom(32)
    typed = f"{mask.hex()}\n{bytes(a ^ b for a, b in zip(key, mask)).hex()}\n"
    assert run(stack, "org", "card-keys", "import", organisation, "--components", "2", typed=typed)[0] == 0
    forms = (key, key.hex().encode(), key.hex().upper().encode())

    def gone():
        return not any(form in region for process in descendants(stack.server.pid) for region in memory_of(process)
                       for form in forms)

    wait_until(gone, 20, "the imported key has left the memory of the server and of its signers")


class Terminal:
    """cardea at a terminal: what is typed, and all that is seen."""

    def __init__(self, stack, *arguments):
        self._here, there = pty.openpty()
        self.process = subprocess.Popen([stack.bin / "cardea", "--socket", stack.data / "admin.sock", *arguments],
                                        stdin=there, stdout=there, stderr=there, start_new_session=True)
        self._there = there
        self.seen = ""
        self._read = 0  # up to where it has been looked at

    def wait_for(self, text, seconds=30):
        """Until that is on the screen, behind what was waited for last."""
        while text not in self.seen[self._read:]:
            assert select.select([self._here], [], [], seconds)[0], f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self._here, 4096).decode()
        self._read = self.seen.index(text, self._read) + len(text)

    def type(self, line):
        os.write(self._here, line.encode() + b"\n")

    def echoes(self):
        return bool(termios.tcgetattr(self._there)[3] & termios.ECHO)

    def end(self):
        status = self.process.wait(30)
        while select.select([self._here], [], [], 0)[0]:
            self.seen += os.read(self._here, 4096).decode()
        os.close(self._there)
        os.close(self._here)
        return status


@pytest.mark.parametrize("agreed", [False, True])
def test_officers_at_a_terminal(stack, organisation, agreed):
    """[A6] What is typed is not shown, what is mistyped is asked for again, and nothing is sent before the check value is agreed to."""
    other = bytes(a ^ b for a, b in zip(MASTER, MASK))
    terminal = Terminal(stack, "org", "card-keys", "import", organisation, "--components", "2")
    terminal.wait_for("component 1 of 2, master key (not shown): ")
    assert not terminal.echoes()
    terminal.type(MASK.hex()[:-1])
    terminal.wait_for("it has 64 hexadecimal digits")
    terminal.wait_for("component 1 of 2, master key (not shown): ")
    terminal.type(MASK.hex())
    terminal.wait_for("component 2 of 2, master key (not shown): ")
    terminal.type(other.hex())
    terminal.wait_for("master key: check value ECDCD8")
    terminal.wait_for("Type yes: ")
    assert terminal.echoes()
    terminal.type("yes" if agreed else "no")
    assert terminal.end() == (0 if agreed else 1)
    if not agreed:
        assert "the keys were not agreed to; nothing was sent" in terminal.seen
    for secret in (MASK.hex(), other.hex(), MASTER.hex()):
        assert secret[:20] not in terminal.seen
    assert [one["check_values"] for one in stack.cli("org", "card-keys", "show", organisation)] == ([["ECDCD8"]] if agreed else [])


def test_a_file_of_keys(stack, organisation, tmp_path):
    """[A6][F6] From a file that only its owner may read."""
    keys = tmp_path / "keys"
    keys.write_text("# ENC, MAC, DEK\n" + "".join(os.urandom(16).hex() + "\n" for _ in range(3)), encoding="utf-8")
    keys.chmod(0o644)
    import_it = ("org", "card-keys", "import", organisation, "--algorithm", "tdes-2key", "--three", "--file", str(keys))
    assert run(stack, *import_it)[0::2] == (
        1, f"cardea: others than its owner may read {keys} (chmod 600 it), or it is no file\n")
    keys.chmod(0o600)
    made = stack.cli(*import_it, "--protocol", "scp03", "--diversification", "emv", "--i", "60")
    assert made["protocol"] == "scp03" and made["i"] == "60" and made["diversification"] == "emv"
    assert len(made["check_values"]) == 3


@pytest.mark.parametrize("options, sentence", [
    (("--protocol", "scp02"), "SCP02 has triple DES keys: triple DES master keys make them, by visa2 or emv"),
    (("--diversification", "visa2"),
     "kdf3 makes AES keys of AES master keys; visa2 and emv need triple DES master keys"),
    (("--i", "15"), "the parameter i of SCP03 is 00, 10, 20, 30, 60 or 70"),
    (("--i", "7"), "the parameter i has two hexadecimal digits"),
    (("--algorithm", "tdes-3key", "--i", "70"), "the parameter i of SCP02 is 15 or 55"),
])
def test_what_does_not_go_together(stack, organisation, options, sentence):
    """[F6] The sentence says what is wrong, and nothing is made."""
    assert run(stack, "org", "card-keys", "create", organisation, *options)[0::2] == (1, f"cardea: {sentence}\n")
    assert stack.cli("org", "card-keys", "show", organisation) == []


def test_wrong_usage(stack):
    """[F6] Exit status 2, and nothing is sent."""
    for arguments in (("create", "x", "--key-version", "128"), ("create", "x", "--algorithm", "des"), ("import", "x"),
                      ("import", "x", "--components", "1"), ("import", "x", "--components", "2", "--file", "y")):
        assert run(stack, "org", "card-keys", *arguments)[0] == 2, arguments
    status, _, told = run(stack, "org", "card-keys", "show", "nobody")
    assert status == 1 and "nobody" in told
