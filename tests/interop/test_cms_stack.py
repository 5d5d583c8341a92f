"""cardea-cms issues over the whole of Cardea: pcscd, driver, agent, TLS, server, signer, SoftHSM."""

import json
import os
import signal
import subprocess

import pytest
from cardea_stack import FACTORY_PIN, READER, ROOT

PLANS = ROOT / "cms-connector" / "perso" / "plans"
PIN, PUK = "471147", "31415926"
READS = {"9a": "9A", "9c": "9C", "9d": "9D", "9e": "9E"}


@pytest.fixture
def cms(stack, tool, tmp_path):
    for name, value in {"pin": PIN, "puk": PUK, "key": os.urandom(24).hex()}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")

    def run(verb, *more, status=0, plan="piv-standard", authority=None):
        words = [stack.bin / "cardea-cms", verb, "--reader", READER, "--state", tmp_path / "state.json", "--execute", "--json",
                 "--pin-file", tmp_path / "pin", "--puk-file", tmp_path / "puk", "--management-key-file", tmp_path / "key", *more]
        if verb == "issue":
            words += ["--plan", PLANS / f"{plan}.json", "--subject", "CN=Ada Example,O=Example Trust"]
        if verb != "rollback":
            words += authority or ["--ca", tmp_path / "ca"]
        return tool(*words, status=status)

    tool(stack.bin / "cardea-cms", "ca", "init", tmp_path / "ca")
    return run


def check_issued(tool, tmp_path):
    for slot, name in READS.items():
        tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", slot, "-o", tmp_path / f"{name}.pem")
        assert tool("openssl", "verify", "-CAfile", tmp_path / "ca" / "ca.pem", tmp_path / f"{name}.pem").stdout.strip().endswith("OK")
    tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", PIN)


@pytest.mark.parametrize("plan", ["piv-standard", "piv-p256"])
def test_issued_over_the_whole_stack(cms, card, tool, pkcs11, tmp_path, plan):
    """[A2] [A3] Four keys made in the HSM, four certificates from the clerk's authority; a signature that OpenSSL accepts."""
    summary = json.loads(cms("issue", plan=plan).stdout)
    assert sorted(summary["slots"]) == ["9A", "9C", "9D", "9E"] and summary["warnings"] == []
    check_issued(tool, tmp_path)
    assert pkcs11("-O", "--type", "cert").stdout.count("Certificate Object; type = X.509 cert\n") == 4
    mechanism = {"piv-standard": "SHA256-RSA-PKCS", "piv-p256": "ECDSA-SHA256"}[plan]
    (tmp_path / "letter").write_text("I agree.\n", encoding="utf-8")
    form = ["--signature-format", "openssl"] if plan == "piv-p256" else []
    pkcs11("--login", "--pin", PIN, "--sign", "-m", mechanism, "--id", "02", *form, "-i", tmp_path / "letter", "-o", tmp_path / "signed")
    public = subprocess.run(["openssl", "x509", "-in", tmp_path / "9C.pem", "-noout", "-pubkey"], capture_output=True, check=True).stdout
    (tmp_path / "9C.pub").write_bytes(public)
    verified = tool("openssl", "dgst", "-sha256", "-verify", tmp_path / "9C.pub", "-signature", tmp_path / "signed", tmp_path / "letter")
    assert verified.stdout == "Verified OK\n"


def test_issued_on_a_plain_piv_card(cms, nist_card, tool, tmp_path):
    """[A1] [A2] The profile without Yubico's extensions: the management key stays, with a warning."""
    assert json.loads(cms("issue", plan="piv-p256").stdout)["warnings"] == \
        ["the card cannot change its management key over PIV and keeps the one it has"]
    check_issued(tool, tmp_path)


def test_ejected_resumed_and_rolled_back(cms, card, tool, tmp_path):
    """[A2] The card leaves while the authority works: exit code 5; resume completes it; rollback empties it."""
    stack = card.stack
    agent = f"{stack.bin}/cardea-agent --state-dir {stack.agent_state}"
    ejecting = (f"{agent} eject {card.id} >/dev/null && openssl x509 -req -CA {tmp_path}/ca/ca.pem -CAkey {tmp_path}/ca/ca.key "
                "-CAcreateserial -days 5 2>/dev/null")
    lost = cms("issue", plan="piv-p256", authority=["--ca-command", ejecting], status=5)
    assert "cardea-cms resume --state" in lost.stderr
    assert "did not appear in time" in cms("resume", "--wait", "1", status=3).stderr
    card.insert()
    assert json.loads(cms("resume").stdout)["result"] == "issued"
    tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", PIN)

    assert len(json.loads(cms("rollback").stdout)["left"]) == 4
    tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", FACTORY_PIN)
    tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", "9a", status=1)


def test_killed_and_resumed(cms, card, tool, tmp_path):
    """[A2] SIGKILL while a certificate is being made: resume takes up from there and the card is whole."""
    cms("issue", plan="piv-p256", authority=["--ca-command", "kill -9 $PPID"], status=-signal.SIGKILL)
    resumed = json.loads(cms("resume").stdout)
    assert resumed["result"] == "issued" and sorted(resumed["slots"]) == ["9A", "9C", "9D", "9E"]
    check_issued(tool, tmp_path)


def test_wrong_management_key(cms, card, tool, tmp_path):
    """[A2] With another management key nothing is written; with the right one the card is issued afterwards."""
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text("00112233445566778899AABBCCDDEEFF0011223344556677\n", encoding="utf-8")
    refused = cms("issue", "--current-management-key-file", other, plan="piv-p256", status=1)
    assert "wrong management key: the card answers 6982" in refused.stderr
    tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", FACTORY_PIN)
    assert "CHUID:\tNo data available" in tool("yubico-piv-tool", "-r", READER, "-a", "status").stdout
    (tmp_path / "state.json").unlink(missing_ok=True)
    assert json.loads(cms("issue", plan="piv-p256").stdout)["result"] == "issued"


def test_blocked_pin(cms, card, tool):
    """[A2] [C3] With the PIN blocked the card is not issued, and no try of the PUK is spent."""
    for _ in range(3):
        tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", "000000", status=1)
    assert "the PIN of the card is blocked" in cms("issue", plan="piv-p256", status=1).stderr
    assert card.stack.cli("card", "show", card.id)["pins"]["puk"]["tries_left"] == 3


def test_card_blocked_at_the_server(cms, card, tool, tmp_path):
    """[A2] [D9] The administrator blocks the card during issuance: interrupted as by ejection; resumed once it is unblocked."""
    stack = card.stack
    block = f"{stack.bin}/cardea --socket {stack.data}/admin.sock card block {card.id} >/dev/null; exec openssl x509 -req " \
            f"-CA {tmp_path}/ca/ca.pem -CAkey {tmp_path}/ca/ca.key -CAcreateserial -days 5 2>/dev/null"
    assert "cardea-cms resume --state" in cms("issue", plan="piv-p256", authority=["--ca-command", block], status=5).stderr
    assert "did not appear in time" in cms("resume", "--wait", "1", status=3).stderr
    stack.cli("card", "unblock", card.id)
    stack.agent_cli("eject", card.id, check=False)
    card.insert()
    assert json.loads(cms("resume").stdout)["result"] == "issued"
    check_issued(tool, tmp_path)
