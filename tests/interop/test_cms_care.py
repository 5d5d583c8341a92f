"""What happens to a card after it was issued, over the whole of Cardea: unblocked, renewed, revoked, recycled, its keys escrowed."""

import hashlib
import json
import subprocess

import pytest
from cardea_stack import FACTORY_PIN, FACTORY_PUK, READER, ROOT

PLANS = ROOT / "cms-connector" / "perso" / "plans"
PIN, PUK = "471147", "31415926"


class Clerk:
    def __init__(self, stack, tool, directory):
        self.stack, self.tool, self.directory, self.ca = stack, tool, directory, directory / "ca"
        self.program = stack.bin / "cardea-cms"
        for name, value in {"pin": PIN, "puk": PUK, "new": "881188", "wrong": "000000"}.items():
            self.secret(name, value)
        tool(self.program, "ca", "init", self.ca)

    def secret(self, name, value):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(value + "\n", encoding="utf-8")
        return path

    def plan(self, **changes):
        plan = json.loads((PLANS / "piv-p256.json").read_text(encoding="utf-8"))
        plan["management_key"] = {"change": False}
        plan.update(changes)
        path = self.directory / "plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        return path

    def run(self, verb, *more, status=0, state=None):
        where = ["--state", self.directory / state] if state else []
        return self.tool(self.program, verb, "--reader", READER, "--json", *where, *more, status=status)

    def do(self, verb, *more, status=0, **how):
        return self.run(verb, "--execute", *more, status=status, **how)

    def issue(self, *more, plan=None, **how):
        return self.do("issue", "--plan", plan or self.plan(), "--ca", self.ca, "--subject", "CN=Ada Example,O=Example Trust", "--upn",
                       "ada@corp.example", "--email", "ada@example.org", "--pin-file", self.directory / "pin", "--puk-file",
                       self.directory / "puk", *more, state="state.json", **how)

    def inspect(self, *more, status=0):
        return json.loads(self.run("inspect", *more, status=status).stdout)

    def verify_pin(self, pin, status=0):
        self.tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", pin, status=status)

    def certificate(self, slot):
        path = self.directory / f"{slot}.pem"
        self.tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", slot, "-o", path)
        return path

    def escrowed(self, guid, slot):
        """Where the copy of the key in this slot is, by the public key of its certificate."""
        key = self.tool("openssl", "x509", "-in", self.certificate(slot.lower()), "-noout", "-pubkey").stdout
        spki = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.encode(), capture_output=True, check=True).stdout
        return self.directory / "escrow" / f"{guid}-{slot}-{hashlib.sha256(spki).hexdigest()[:16].upper()}.p7m"

    def opened(self, copy):
        """A file with the key that the escrow finds in a copy."""
        out = copy.with_suffix(".der")
        self.tool("openssl", "cms", "-decrypt", "-inform", "PEM", "-in", copy, "-inkey", self.directory / "safe.key", "-recip",
                  self.directory / "safe.pem", "-out", out)
        return out

    def verdict(self, path):
        return subprocess.run(["openssl", "verify", "-crl_check", "-CAfile", self.ca / "ca.pem", "-CRLfile", self.ca / "ca.crl", path],
                              capture_output=True, text=True, check=False)


@pytest.fixture
def clerk(stack, tool, tmp_path):
    return Clerk(stack, tool, tmp_path)


def test_pin_is_unblocked_and_changed(clerk, card):
    """[A2] [C3] A blocked PIN is set anew by the PUK; PIN and PUK are changed; wrong values cost one try each, and are said."""
    clerk.issue()
    for _ in range(3):
        clerk.verify_pin("000000", status=1)
    assert "the PIN is blocked" in clerk.inspect(status=1)["problems"]
    wrong = clerk.do("unblock", "--current-puk-file", clerk.secret("wrong-puk", "00000000"), "--pin-file", clerk.directory / "new", status=1)
    assert "wrong PUK, 2 tries left; it was tried once and will not be tried again" in wrong.stderr
    shown = clerk.run("unblock", "--current-puk-file", clerk.directory / "puk", "--pin-file", clerk.directory / "new")
    assert json.loads(shown.stdout)["result"] == "dry-run" and PUK not in shown.stderr and "881188" not in shown.stderr
    clerk.do("unblock", "--current-puk-file", clerk.directory / "puk", "--pin-file", clerk.directory / "new")
    clerk.verify_pin("881188")
    clerk.do("change-pin", "--current-pin-file", clerk.directory / "new", "--pin-file", clerk.directory / "pin")
    clerk.verify_pin(PIN)
    clerk.do("change-puk", "--current-puk-file", clerk.directory / "puk", "--puk-file", clerk.secret("puk2", "27182818"))
    assert "wrong PUK" in clerk.do("change-puk", "--current-puk-file", clerk.directory / "puk", "--puk-file", clerk.directory / "puk", status=1).stderr
    assert "give the new PIN with --pin-file" in clerk.do("change-pin", status=2).stderr


def test_certificates_are_renewed(clerk, card, pkcs11):
    """[A2] New certificates for the same keys; interrupted by the authority and resumed; the old ones are revoked by the state file."""
    clerk.issue()
    before = clerk.inspect("--plan", clerk.plan())["slots"]
    common = ["--current-pin-file", clerk.directory / "pin"]
    shown = clerk.run("renew", "--plan", clerk.plan(), "--ca", clerk.ca, *common)
    assert "would 9A certificate from the authority" in shown.stderr and clerk.inspect()["slots"] == before
    sign = f"openssl x509 -req -CA {clerk.ca}/ca.pem -CAkey {clerk.ca}/ca.key -CAcreateserial -days 5"
    broken = ["--ca-command", f"test $CARDEA_RENEWAL = 1 && test $CARDEA_SLOT != 9C && exec {sign}"]
    failed = clerk.do("renew", "--plan", clerk.plan(), *broken, *common, state="renewal.json", status=4)
    assert "cardea-cms resume --state" in failed.stderr
    clerk.do("resume", "--ca", clerk.ca, *common, state="renewal.json")
    after = clerk.inspect("--plan", clerk.plan())["slots"]
    assert all(after[slot]["serial"] != before[slot]["serial"] and after[slot]["subject"] == before[slot]["subject"] for slot in before)
    assert len(clerk.inspect()["problems"]) == 0
    text = clerk.tool("openssl", "x509", "-in", clerk.certificate("9c"), "-noout", "-ext", "subjectAltName").stdout
    assert "ada@example.org" in text

    revoked = clerk.do("revoke", "--ca", clerk.ca, "--reason", "superseded", state="state.json")
    assert json.loads(revoked.stdout)["certificates"] == {slot: before[slot]["serial"] for slot in before}
    assert clerk.verdict(clerk.certificate("9c")).returncode == 0
    old = clerk.ca / "certs" / f"{before['9A']['serial']}.pem"
    assert "certificate revoked" in clerk.verdict(old).stderr


def test_new_keys_need_a_place_for_the_old_encryption_key(clerk, card, tool):
    """[A3] Without a copy of the encryption key it is not replaced; with one it goes to a retired slot, is counted, and still decrypts.

    Each key has a copy of its own: that of the new one does not take the place of the old one's.
    """
    tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", clerk.directory / "safe.key", "-out", clerk.directory / "safe.pem",
         "-subj", "/CN=escrow", "-days", "2")
    plan = json.loads(clerk.plan().read_text(encoding="utf-8"))
    plan["slots"][2]["import"] = "key"
    plan["slots"][2]["algorithm"] = "rsa2048"
    plan["slots"][2]["certificate"]["key_usage"] = ["keyEncipherment"]
    plan = clerk.plan(slots=plan["slots"])
    escrow = ["--escrow-to", clerk.directory / "safe.pem", "--escrow-dir", clerk.directory / "escrow"]
    assert "--escrow-to" in clerk.issue(plan=plan, status=2).stderr
    guid = json.loads(clerk.issue(*escrow, plan=plan).stdout)["guid"]
    secret = b"for Ada alone"
    sealed = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-certin", "-inkey", clerk.certificate("9d"), "-pkeyopt", "rsa_padding_mode:pkcs1"],
                            input=secret, capture_output=True, check=True).stdout
    (clerk.directory / "letter").write_bytes(sealed)
    common = ["--plan", plan, "--ca", clerk.ca, "--current-pin-file", clerk.directory / "pin", *escrow]
    refused = clerk.do("renew", "--new-keys", *common, status=1)
    assert "cannot move its encryption key to a retired slot" in refused.stderr and "--import-key 82=FILE" in refused.stderr
    copy = clerk.escrowed(guid, "9D")
    assert copy.stat().st_mode & 0o777 == 0o600
    old = clerk.opened(copy).read_bytes()
    clerk.do("renew", "--new-keys", *common, "--import-key", f"82={clerk.opened(copy)}", state="renewal.json")
    assert clerk.opened(copy).read_bytes() == old
    fresh = clerk.escrowed(guid, "9D")
    assert fresh != copy and clerk.opened(fresh).read_bytes() != old
    report = clerk.inspect("--plan", plan)
    assert report["key_history"] == {"on_card": 1, "off_card": 0} and report["problems"] == [] and report["slots"]["82"]["algorithm"] == "rsa2048"
    opened = tool("pkcs11-tool", "--module", "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "--login", "--pin", PIN, "--decrypt", "-m", "RSA-PKCS",
                  "--id", "05", "-i", clerk.directory / "letter", "-o", clerk.directory / "opened")
    assert (clerk.directory / "opened").read_bytes() == secret, opened.stderr


def test_key_history_is_imported(clerk, card, tool):
    """[A3] Twenty old encryption keys with their certificates, out of PKCS#12 files, are on the card, and OpenSC sees them."""
    files, slots = [], []
    for number in range(20):
        slot = f"{0x82 + number:02X}"
        tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", clerk.directory / "k", "-out",
             clerk.directory / "c", "-subj", f"/CN=Ada Example {number}", "-days", "1")
        tool("openssl", "pkcs12", "-export", "-inkey", clerk.directory / "k", "-in", clerk.directory / "c", "-out", clerk.directory / f"{slot}.p12",
             "-passout", "pass:open sesame")
        files += ["--import-key", f"{slot}={clerk.directory}/{slot}.p12", "--import-pass-file", f"{slot}={clerk.secret('sesame', 'open sesame')}"]
        slots.append({"slot": slot, "algorithm": "p256", "import": "key-and-certificate"})
    original = json.loads(clerk.plan().read_text(encoding="utf-8"))
    plan = clerk.plan(slots=original["slots"] + slots, objects={**original["objects"], "key_history": True})
    assert "the passphrase does not open" in clerk.issue(*files, "--import-pass-file", f"82={clerk.directory}/wrong", plan=plan, status=2).stderr
    clerk.issue(*files, plan=plan)
    report = clerk.inspect("--plan", plan)
    assert report["key_history"]["on_card"] == 20 and report["problems"] == [] and len(report["slots"]) == 24
    listed = tool("pkcs11-tool", "--module", "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "-O", "--type", "cert").stdout
    assert listed.count("Certificate Object; type = X.509 cert\n") == 24


def test_revoked_and_recycled(clerk, card, tool):
    """[A2] The certificates on the card are revoked, the card is reset, and issued to somebody else."""
    guid = json.loads(clerk.issue().stdout)["guid"]
    certificate = clerk.certificate("9a")
    other = clerk.do("recycle", "--guid", "00" * 16, status=1)
    assert "it was left alone" in other.stderr
    assert "is no reason of RFC 5280" in clerk.do("revoke", "--ca", clerk.ca, "--reason", "lost", status=2).stderr
    assert "has no way to revoke" in clerk.do("revoke", "--ca-est", "https://127.0.0.1:1", "--ca-trust", clerk.ca / "ca.pem", status=4).stderr
    assert guid in clerk.run("inspect").stdout
    done = clerk.do("revoke", "--ca", clerk.ca, "--reason", "keyCompromise", "--wipe")
    assert json.loads(done.stdout)["result"] == "recycled"
    assert "certificate revoked" in clerk.verdict(certificate).stderr
    report = clerk.inspect()
    assert "guid" not in report and report["slots"] == {}
    clerk.verify_pin(FACTORY_PIN)
    (clerk.directory / "state.json").unlink()
    assert json.loads(clerk.issue().stdout)["result"] == "issued"


def test_only_the_card_that_was_revoked_is_wiped(clerk, card, stack):
    """[A2] --wipe recycles the card whose certificates are revoked; with another one in the reader nothing is revoked or emptied."""
    lost = json.loads(clerk.issue().stdout)
    certificate = clerk.certificate("9a")
    state = (clerk.directory / "state.json").rename(clerk.directory / "lost.json")
    refused = clerk.do("revoke", "--ca", clerk.ca, "--certificate", certificate, "--wipe", status=2)
    assert "--wipe" in refused.stderr and "recycle --guid" in refused.stderr
    assert lost["guid"] in clerk.run("revoke", "--ca", clerk.ca, "--state", state, "--wipe").stderr
    card.eject()
    other = stack.new_card("piv-yubikey5")
    try:
        guid = json.loads(clerk.issue().stdout)["guid"]
        refused = clerk.do("revoke", "--ca", clerk.ca, "--state", state, "--wipe", status=1)
        assert f"is not {lost['guid']}" in refused.stderr and "nothing was revoked" in refused.stderr
        assert clerk.inspect()["guid"] == guid and clerk.inspect()["problems"] == []
        clerk.verify_pin(PIN)
        assert not (clerk.ca / "ca.crl").exists()  # it is made by the first revocation
    finally:
        other.remove()
    card.insert()
    assert json.loads(clerk.do("revoke", "--ca", clerk.ca, "--state", state, "--wipe").stdout)["result"] == "recycled"
    assert "certificate revoked" in clerk.verdict(certificate).stderr
    assert "guid" not in clerk.inspect()


def test_plain_piv_card_is_recycled_by_overwriting(clerk, nist_card):
    """[A2] A card without RESET: objects are deleted, keys replaced, the PUK is the factory's; what cannot be undone is said."""
    clerk.issue()
    left = json.loads(clerk.do("recycle", "--current-pin-file", clerk.directory / "pin", "--current-puk-file", clerk.directory / "puk").stdout)["left"]
    assert left[0] == "the card does not take the factory's PIN, which everybody knows: it keeps the one it has"
    assert len(left) == 3 and "no command to delete keys" in left[1]
    report = clerk.inspect()
    assert "guid" not in report and report["slots"] == {}
    clerk.verify_pin(PIN)
    clerk.do("change-puk", "--puk-file", clerk.secret("factory", FACTORY_PUK))
