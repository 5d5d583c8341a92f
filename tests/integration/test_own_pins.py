"""`[pin] must_change`: keys that need the PIN wait until the holder has changed one that somebody else has chosen."""

import hashlib
import json
import os

import pytest

import piv
from card_keys import import_keys
from cardea_stack import OPENSC_MODULE, READER, ROOT, Stack, running
from issuing import PIN, PUK, Issue, change_management_key, change_pin, change_puk, enrol_user, self_sign
from pcsc import Connection, verify_command

MASTER = os.urandom(32)
DIGEST = hashlib.sha256(b"the quick brown fox").digest()
HERS = "835291"


@pytest.fixture(scope="module")
def stack(scratch, opensc_conf):
    with running(Stack(scratch / "ownpins", server_config="[pin]\nksf_memory_kib = 8192\nksf_passes = 1\nmust_change = true\n")) as started:
        import_keys(started, (MASTER,))
        yield started


@pytest.fixture
def sign(tool, tmp_path):
    """pkcs11-tool signs with the card authentication key or does not; openssl verifies."""

    def run(pin, status=0):
        (tmp_path / "digest").write_bytes(DIGEST)
        done = tool("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", pin, "--sign", "--id", "01", "-m", "ECDSA",
                    "--signature-format", "openssl", "-i", "digest", "-o", "signature", status=status)
        if status == 0:
            tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", "9a", "-o", "certificate.pem")
            tool("openssl", "x509", "-in", "certificate.pem", "-noout", "-pubkey", "-out", "public.pem")
            tool("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-sigfile", "signature", "-in", "digest")
        return done

    return run


def word(pin):
    """What a signature is answered with once the PIN was verified."""
    with Connection() as connection:
        assert connection.sw("00A4040009A0000003080000100000") == "9000"
        assert piv.sign_p256(connection, DIGEST)[1] == "6982"
        assert connection.sw(verify_command(pin)) == "9000"
        return piv.sign_p256(connection, DIGEST)[1]


class Holder:
    """The holder's own workstation."""

    def __init__(self, stack, state, card):
        self.stack, self.state, self.card = stack, state, card
        enrol_user(stack, state, stack.cli("card", "show", card)["holder"])
        self.agent = stack.run_agent(state)

    def __enter__(self):
        assert self.stack.agent_cli("insert", self.card, state=self.state)["phase"] == "inserted"
        self.stack.wait_for_card(present=True)
        return self

    def __exit__(self, *_):
        self.stack.agent_cli("eject", self.card, check=False, state=self.state)
        self.stack.wait_for_card(present=False)
        self.agent.stop()
        self.stack.cli("card", "delete", self.card, "--execute")

    def told(self):
        """What list and status say is to be changed: the same."""
        listed = [one["must_change"] for one in self.stack.agent_cli("card", "list", state=self.state) if one["id"] == self.card]
        status = [one["must_change"] for one in self.stack.agent_cli("status", state=self.state)["cards"] if one["id"] == self.card]
        assert listed == status and len(listed) == 1
        return listed[0]

    def in_words(self, tool, *verb):
        return tool(self.stack.bin / "cardea-agent", "--state-dir", self.state, *verb).stdout


def test_a_pin_of_the_registration_authority(stack, sign, tool, tmp_path):
    """[C5] [D1] A workstation's ykman sets the PIN and signs with it while the card is issued; its holder changes it, and then uses the key."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_management_key()
        change_pin()
        change_puk()
        self_sign(tmp_path, "9a", "CN=Ada Example,UID=555000000207", pin=PIN)  # the certificate is signed with the card's key
        assert word(PIN) == "9000"
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["must_change"] == ["pin"]
        assert issue.end()[0] == 0
    stack.wait_for_card(present=False)
    pins = stack.cli("card", "show", card)["pins"]
    assert (pins["pin"]["must_change"], pins["puk"]["must_change"]) == (True, False)
    sheet = tool(stack.bin / "cardea", "--socket", stack.data / "admin.sock", "card", "show", card).stdout
    assert "3 of 3 tries left, to be changed by the holder before keys are used" in sheet
    with Holder(stack, tmp_path / "adas", card) as holder:
        assert holder.told() == ["pin"]
        hint = "change the PIN: its keys answer 6985 until then"
        assert hint in holder.in_words(tool, "card", "list") and hint in holder.in_words(tool, "status")
        assert word(PIN) == "6985"
        sign(PIN, status=1)
        tool("yubico-piv-tool", "-r", READER, "-a", "change-pin", "-P", PIN, "-N", HERS)
        assert word(HERS) == "9000"
        sign(HERS)
        assert holder.told() == []
        assert hint not in holder.in_words(tool, "status")
        # The authority unblocks: then it knows the PIN again.
        stack.agent_cli("eject", card, state=holder.state)
        stack.wait_for_card(present=False)
        stack.agent_cli("insert", card)
        stack.wait_for_card(present=True)
        tool("yubico-piv-tool", "-r", READER, "-a", "unblock-pin", "-P", PUK, "-N", PIN)
        assert word(PIN) == "6985"
        stack.agent_cli("eject", card)
        stack.wait_for_card(present=False)
        stack.agent_cli("insert", card, state=holder.state)
        stack.wait_for_card(present=True)
        assert holder.told() == ["pin"] and word(PIN) == "6985"
    assert not stack.cli("card", "list", "--org", stack.organisation)


def test_a_pin_through_the_channel(stack, sign, tool, tmp_path):
    """[C5] [A2] cardea-cms sets the PIN through SCP03 and gets its certificates; the holder changes it by pkcs11-tool."""
    def secret(name, value):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
        return tmp_path / name

    plan = json.loads((ROOT / "cms-connector" / "perso" / "plans" / "piv-p256.json").read_text(encoding="utf-8"))
    plan["management_key"] = {"algorithm": "aes256"}
    plan["channel"] = {"protocol": "scp03", "level": "33", "kvn": "30", "diversification": "kdf3"}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    cms = stack.bin / "cardea-cms"
    tool(cms, "ca", "init", tmp_path / "ca")
    with Issue(stack, "--profile", "piv-nist") as issue:
        card = issue.presented()["card"]
        tool(cms, "issue", "--reader", READER, "--json", "--execute", "--state", tmp_path / "state.json", "--pin-file", secret("pin", PIN), "--puk-file",
             secret("puk", PUK), "--management-key-file", secret("key", "A0" * 31 + "A1"), "--channel-keys", secret("master", f"key: {MASTER.hex()}"),
             "--plan", tmp_path / "plan.json", "--subject", "CN=Bea Example,O=Example Trust", "--ca", tmp_path / "ca")
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["must_change"] == ["pin"]
        assert issue.end()[0] == 0
    stack.wait_for_card(present=False)
    with Holder(stack, tmp_path / "beas", card) as holder:
        assert holder.told() == ["pin"]
        assert word(PIN) == "6985"
        sign(PIN, status=1)
        tool("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", PIN, "--change-pin", "--new-pin", HERS)
        sign(HERS)
        assert word(HERS) == "9000"
        assert holder.told() == []


def test_factory_values(stack, tool):
    """[C5] A card that nobody has issued: PIN and PUK are everybody's, and a registrar's workstation does not make them the holder's."""
    made = stack.new_card("piv-yubikey5")
    try:
        tool("yubico-piv-tool", "-r", READER, "-a", "generate", "-s", "9a", "-A", "ECCP256", "-o", "public.pem")
        assert stack.cli("card", "show", made.id)["pins"]["puk"]["must_change"]
        assert word("123456") == "6985"
        tool("yubico-piv-tool", "-r", READER, "-a", "change-puk", "-P", "12345678", "-N", PUK)
        tool("yubico-piv-tool", "-r", READER, "-a", "change-pin", "-P", "123456", "-N", PIN)
        pins = stack.cli("card", "show", made.id)["pins"]
        assert (pins["pin"]["must_change"], pins["puk"]["must_change"]) == (True, False)
        assert word(PIN) == "6985"
    finally:
        made.remove()
