"""cardea-cms personalises through GlobalPlatform: SCP03 to PIV and to the card manager, with keys that follow from an organisation's master key."""

import json
import os

import pytest
from card_keys import import_keys
from cardea_stack import CHEAP_PINS, READER, ROOT, Stack, running
from issuing import Issue

PLANS = ROOT / "cms-connector" / "perso" / "plans"
MASTER = os.urandom(32)
PIN, PUK = "471147", "31415926"


@pytest.fixture(scope="module")
def stack(scratch):
    with running(Stack(scratch / "cmsgp", server_config=CHEAP_PINS)) as started:
        import_keys(started, (MASTER,))
        yield started


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-nist")
    yield made
    made.remove()


@pytest.fixture
def clerk(stack, tool, tmp_path):
    return Clerk(stack, tool, tmp_path)


class Clerk:
    def __init__(self, stack, tool, directory):
        self.program, self.tool, self.directory, self.ca = stack.bin / "cardea-cms", tool, directory, directory / "ca"
        tool(self.program, "ca", "init", self.ca)
        self.master = self.secret("master", f"key: {MASTER.hex()}")
        self.keys = ["--keys-file", self.master, "--diversification", "kdf3"]

    def secret(self, name, value):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value + "\n", encoding="utf-8")
        return path

    def gp(self, verb, *more, status=0, keys=None):
        return self.tool(self.program, "gp", verb, "--reader", READER, "--json", *(self.keys if keys is None else keys), *more, status=status)

    def plan(self, **channel):
        plan = json.loads((PLANS / "piv-p256.json").read_text(encoding="utf-8"))
        plan["slots"][2]["import"] = "key"
        plan["management_key"] = {"algorithm": "aes256"}
        plan["channel"] = {"protocol": "scp03", "level": "33", "kvn": "30", "diversification": "kdf3", **channel}
        path = self.directory / "plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        return path

    def do(self, verb, *more, status=0, plan=None):
        self.secret("pin", PIN)
        self.secret("puk", PUK)
        self.secret("key", "A0" * 31 + "A1")
        words = [self.program, verb, "--reader", READER, "--json", "--execute", "--state", self.directory / "state.json", "--pin-file",
                 self.directory / "pin", "--puk-file", self.directory / "puk", "--management-key-file", self.directory / "key", "--channel-keys",
                 self.master]
        if verb == "issue":
            words += ["--plan", plan or self.plan(), "--subject", "CN=Ada Example,O=Example Trust"]
        self.tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.directory / "safe.key", "-out",
                  self.directory / "safe.pem", "-subj", "/CN=escrow", "-days", "2")
        return self.tool(*words, "--escrow-to", self.directory / "safe.pem", "--escrow-dir", self.directory, *more, status=status)


def test_issued_through_the_channel(clerk, card):
    """[A2] [A3] Objects, keys, an escrowed one, PIN, PUK and management key go through SCP03 to PIV."""
    summary = json.loads(clerk.do("issue", "--ca", clerk.ca).stdout)
    assert summary["result"] == "issued" and sorted(summary["slots"]) == ["9A", "9C", "9D", "9E"] and summary["warnings"] == []
    for slot in ("9a", "9c", "9d", "9e"):
        path = clerk.directory / f"{slot}.pem"
        clerk.tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", slot, "-o", path)
        assert clerk.tool("openssl", "verify", "-CAfile", clerk.ca / "ca.pem", path).stdout.strip().endswith("OK")
    clerk.tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", PIN)


def test_a_blank_card_is_issued_through_the_channel(stack, clerk):
    """[A2] [D1] A registrar's blank card gets a management key of its own in the channel, and is issued."""
    with Issue(stack, "--profile", "piv-nist") as issue:
        card = issue.presented()["card"]
        assert json.loads(clerk.do("issue", "--ca", clerk.ca).stdout)["result"] == "issued"
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["holder"] == "Ada Example"
        assert issue.end()[0] == 0
    stack.wait_for_card(present=False)
    stack.cli("card", "delete", card, "--execute")


def test_a_channel_alone_is_no_management_key(stack, clerk):
    """[D1] Personalised through the channel and left with the factory's management key, a card is not issued; it says what is missing."""
    plan = clerk.plan()
    without = json.loads(plan.read_text(encoding="utf-8"))
    without["management_key"] = {"change": False}
    plan.write_text(json.dumps(without), encoding="utf-8")
    with Issue(stack, "--profile", "piv-nist") as issue:
        card = issue.presented()["card"]
        assert json.loads(clerk.do("issue", "--ca", clerk.ca, plan=plan).stdout)["result"] == "issued"
        stack.agent_cli("issue", "next")
        assert issue.wait_for("incomplete")["missing"] == [
            "a management key of its own: it is the factory's, and this card takes another one through a secure channel only"]
        stack.agent_cli("issue", "skip")
        assert issue.wait_for("left")["card"] == card
    stack.wait_for_card(present=False)
    stack.cli("card", "delete", card, "--execute")


def test_interrupted_and_resumed(clerk, card):
    """[A2] The authority fails in the middle; a new channel is opened and the card is finished."""
    clerk.do("issue", "--ca-command", "exit 3", status=4)
    assert json.loads(clerk.do("resume", "--ca", clerk.ca).stdout)["result"] == "issued"
    clerk.tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", PIN)


def test_wrong_keys(clerk, card):
    """[A2] With another master key nothing is written, and no try of the card is spent; key files that others may read are refused."""
    clerk.master = clerk.secret("other", f"key: {os.urandom(32).hex()}")
    refused = clerk.do("issue", "--ca", clerk.ca, status=1)
    assert "the card's cryptogram was not made with these keys; no authentication was tried" in refused.stderr
    clerk.master.chmod(0o644)
    (clerk.directory / "state.json").unlink(missing_ok=True)
    assert "chmod 600 it" in clerk.do("issue", "--ca", clerk.ca, status=2).stderr


def test_card_manager(clerk, card):
    """[A6] What the card tells, its registry, a new key set in place of the first, data objects, and the life cycle."""
    facts = json.loads(clerk.gp("info", keys=[]).stdout)
    assert facts["aid"] == "A000000151000000" and any("SCP03" in protocol for protocol in facts["protocols"])
    assert {key["version"] for key in facts["keys"]} == {"30"} and len(facts["cplc"]) == 84
    listed = json.loads(clerk.gp("list").stdout)
    assert {row["kind"] for row in listed} == {"domain", "application", "load file"}
    fresh = clerk.secret("fresh", f"key: {os.urandom(32).hex()}")
    put = ["--new-keys-file", fresh, "--new-kvn", "31", "--new-diversification", "kdf3", "--replaces", "30"]
    assert json.loads(clerk.gp("put-key", *put).stdout)["result"] == "dry-run"
    assert json.loads(clerk.gp("put-key", *put, "--execute").stdout)["result"] == "put"
    assert "cardea-cms:" in clerk.gp("list", status=1).stderr
    clerk.keys = ["--keys-file", fresh, "--diversification", "kdf3", "--kvn", "31"]
    assert clerk.gp("store-data", "--object", "4203010203", "--object", "450104", "--execute").returncode == 0
    facts = json.loads(clerk.gp("info", keys=[]).stdout)
    assert facts["iin"] == "010203" and facts["cin"] == "04" and {key["version"] for key in facts["keys"]} == {"31"}
    for verb in ("secure", "lock", "unlock"):
        assert json.loads(clerk.gp(verb, "--execute").stdout)["result"] == "set", verb
