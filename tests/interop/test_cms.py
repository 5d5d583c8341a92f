"""cardea-cms on a test card behind Debian's own virtual reader: real PC/SC, real pcscd, nothing else of Cardea between."""

import json
import random
import re
import signal
import subprocess

import pytest
from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, OPENSC_MODULE, ROOT, build_directory
from vpcd_reader import READER, VpcdReader

PLANS = ROOT / "cms-connector" / "perso" / "plans"
PIN, PUK = "471147", "31415926"
KEY = "A0A1A2A3A4A5A6A7B0B1B2B3B4B5B6B7C0C1C2C3C4C5C6C7"
CERTIFICATE_TAGS = {"9A": "5FC105", "9C": "5FC10A", "9D": "5FC10B", "9E": "5FC101"}


@pytest.fixture(scope="module")
def reader(scratch, opensc_conf):
    with VpcdReader(scratch / "vpcd") as running:
        yield running


class Clerk:
    """Someone who issues cards with cardea-cms."""

    def __init__(self, reader, directory):
        self.reader, self.directory = reader, directory
        self.program = build_directory() / "bin" / "cardea-cms"
        self.state, self.ca = directory / "state.json", directory / "ca"
        for name, value in {"pin": PIN, "puk": PUK, "key": KEY}.items():
            self.file(name, value)
        self.secrets = ["--pin-file", directory / "pin", "--puk-file", directory / "puk", "--management-key-file", directory / "key"]
        self.run("ca", "init", self.ca)

    def file(self, name, value):
        path = self.directory / name
        path.write_text(value + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    def run(self, *command, status=0):
        done = self.reader.run(self.program, *command, check=False)
        assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def words(self, verb, *more, plan="piv-p256", authority=None):
        words = [verb, "--reader", READER, "--state", self.state, *self.secrets, "--json", *more]
        if verb == "issue":
            words += ["--plan", PLANS / f"{plan}.json", "--subject", "CN=Ada Example,O=Example Trust,C=GB", "--upn", "ada@corp.example",
                      "--email", "ada@example.org"]
        if verb != "rollback":
            words += authority or ["--ca", self.ca]
        return words

    def do(self, verb, *more, status=0, **how):
        return self.run(*self.words(verb, "--execute", *more, **how), status=status)

    def verb(self):
        """Where nothing had been begun there is nothing to resume."""
        return "resume" if self.state.exists() else "issue"

    def tool(self, *command, status=0):
        done = self.reader.run(*command, check=False)
        assert status is None or done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def apdus(self, *commands):
        """Status words of raw commands after SELECT."""
        sends = [part for command in ("00A4040009A0000003080000100000", *commands) for part in ("-s", command)]
        out = self.tool("opensc-tool", "-r", "0", *sends).stdout
        return [a + b for a, b in re.findall(r"SW1=0x(..), SW2=0x(..)", out)][1:]

    def object_is_there(self, tag):
        return self.apdus(f"00CB3FFF055C03{tag}00")[0] != "6A82"

    def check_issued(self, secrets_changed=True):
        self.reader.settle()
        for slot, tag in CERTIFICATE_TAGS.items():
            path = self.directory / f"{slot}.pem"
            self.tool("yubico-piv-tool", "-r", "Virtual PCD 00 00", "-a", "read-certificate", "-s", slot.lower(), "-o", path)
            verified = self.tool("openssl", "verify", "-CAfile", self.ca / "ca.pem", path).stdout
            assert verified.strip().endswith("OK")
        if secrets_changed:
            self.tool("yubico-piv-tool", "-r", "Virtual PCD 00 00", "-a", "verify-pin", "-P", PIN)

    def check_blank(self):
        for tag in (*CERTIFICATE_TAGS.values(), "5FC102", "5FC107", "5FC10C"):
            assert not self.object_is_there(tag), tag
        self.tool("yubico-piv-tool", "-r", "Virtual PCD 00 00", "-a", "verify-pin", "-P", FACTORY_PIN)
        # The management key of the factory opens it: putting an empty object needs it.
        self.tool("yubico-piv-tool", "-r", "Virtual PCD 00 00", f"-k{FACTORY_MANAGEMENT_KEY}", "-a", "delete-certificate", "-s", "9a")


@pytest.fixture
def clerk(reader, tmp_path):
    return Clerk(reader, tmp_path)


def text(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout


def test_card_is_issued_and_works(clerk, reader):
    """[A3] Four keys made on the card, four certificates, and a signature that OpenSSL accepts."""
    reader.insert()
    done = clerk.do("issue", plan="piv-standard")
    summary = json.loads(done.stdout)
    assert summary["result"] == "issued" and sorted(summary["slots"]) == ["9A", "9C", "9D", "9E"] and summary["warnings"] == []
    assert len(re.findall(r"^\[ ?\d+/25\] .* \d+ ms$", done.stderr, re.M)) == 25
    clerk.check_issued()

    authentication, signature = text(clerk.directory / "9A.pem"), text(clerk.directory / "9C.pem")
    assert "Microsoft Smartcard Login" in authentication and "TLS Web Client Authentication" in authentication
    assert "Digital Signature, Non Repudiation" in signature and "ada@example.org" in signature
    assert "Key Encipherment" in text(clerk.directory / "9D.pem") and "2.16.840.1.101.3.6.8" in text(clerk.directory / "9E.pem")
    der = subprocess.run(["openssl", "x509", "-in", clerk.directory / "9A.pem", "-outform", "DER"], capture_output=True, check=True).stdout
    assert b"ada@corp.example" in der

    letter, signed = clerk.directory / "letter", clerk.directory / "signed"
    letter.write_text("I agree.\n")
    clerk.tool("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", PIN, "--sign", "-m", "SHA256-RSA-PKCS", "--id", "02",
               "-i", letter, "-o", signed)
    subprocess.run(["openssl", "x509", "-in", clerk.directory / "9C.pem", "-noout", "-pubkey", "-out", clerk.directory / "9C.pub"], check=True)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", clerk.directory / "9C.pub", "-signature", signed, letter], check=True)


def test_state_file_holds_no_secret(clerk, reader):
    """[B9] [A2] What is kept on disk of an issuance would not open the card."""
    reader.insert()
    clerk.do("issue")
    kept = clerk.state.read_text()
    assert clerk.state.stat().st_mode & 0o777 == 0o600
    for secret in (PIN, PUK, KEY, KEY.lower(), FACTORY_PUK, PIN.encode().hex().upper(), PUK.encode().hex().upper()):
        assert secret not in kept


def test_plain_piv_card_is_issued_with_a_warning(clerk, reader):
    """[A1] A card without Yubico's extensions keeps its management key, and the clerk is told."""
    reader.insert(profile="piv-nist")
    summary = json.loads(clerk.do("issue").stdout)
    assert summary["warnings"] == ["the card cannot change its management key over PIV and keeps the one it has"]
    assert "serial" not in summary
    clerk.check_issued()


def test_dry_run_touches_nothing(clerk, reader):
    """[A2] Without --execute the plan is shown, and card, authority, state and secrets are left alone."""
    reader.insert()
    shown = clerk.run("issue", "--plan", PLANS / "piv-p256.json", "--ca", clerk.ca, "--subject", "CN=Ada", "--generate-secrets",
                      clerk.directory / "made", "--state", clerk.state).stdout
    assert "GENERATE ASYMMETRIC KEY PAIR: new ECC P-256 key in 9C" in shown and "Add --execute to do it" in shown
    assert not clerk.state.exists() and not (clerk.directory / "made").exists()
    assert (clerk.ca / "index.txt").read_text() == ""
    clerk.check_blank()


def test_generated_secrets_open_the_card(clerk, reader):
    """[A2] --generate-secrets writes what it sets, for its owner only."""
    reader.insert()
    made = clerk.directory / "made"
    clerk.secrets = []
    clerk.do("issue", "--generate-secrets", made)
    assert made.stat().st_mode & 0o777 == 0o600
    pin = re.fullmatch(r"pin: (\d{6})\npuk: \d{8}\nmanagement-key: [0-9A-F]{48}\n", made.read_text()).group(1)
    clerk.tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", pin)
    # And they are what a roll-back needs.
    clerk.do("rollback", "--secrets", made)
    clerk.check_blank()


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_resumed(clerk, reader, seed):
    """[A2] kill -9 of cardea-cms at random points; resuming ends with the card complete."""
    dice = random.Random(100 + seed)
    reader.insert()
    for _ in range(6):
        process = reader.start(clerk.program, *clerk.words(clerk.verb(), "--execute"))
        try:
            process.wait(dice.uniform(0.02, 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        reader.wait_until_free()
    else:
        clerk.do(clerk.verb())
    clerk.check_issued()


def test_interrupted_by_a_signal(clerk, reader):
    """[A2] Ctrl-C ends after the step that is running, with exit code 5, and says how to go on."""
    reader.insert()
    interrupting = ["--ca-command", f"kill -INT $PPID; exec openssl x509 -req -CA {clerk.ca}/ca.pem -CAkey {clerk.ca}/ca.key -CAcreateserial -days 5"]
    process = reader.start(clerk.program, *clerk.words("issue", "--execute", authority=interrupting))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    assert "cardea-cms: interrupted by request\n" in err and "cardea-cms resume --state" in err
    assert json.loads(out)["result"] == "failed" and json.loads(out)["exit"] == 5
    assert "9A/certificate" in json.loads(clerk.state.read_text())["done"]
    clerk.do("resume")
    clerk.check_issued()


def test_interrupted_while_the_authority_fails(clerk, reader):
    """[A2] A step that fails has its own exit code, whatever signal came in it."""
    reader.insert()
    failed = clerk.do("issue", authority=["--ca-command", "kill -INT $PPID; exit 7"], status=4)
    assert "cardea-cms: the CA command ended with exit code 7\n" in failed.stderr
    clerk.do("resume")
    clerk.check_issued()


def test_rollback_of_a_half_and_of_a_whole_issuance(clerk, reader):
    """[A2] rollback leaves a card as it came, but for the keys, and says so; it can be issued again."""
    reader.insert()
    clerk.do("issue", authority=["--ca-command", "test $CARDEA_SLOT != 9D && openssl x509 -req -CA " + f"{clerk.ca}/ca.pem -CAkey {clerk.ca}/ca.key "
                                 "-CAcreateserial -days 5"], status=4)
    left = json.loads(clerk.do("rollback").stdout)["left"]
    assert left == [f"the key in {slot} stays until another one replaces it" for slot in ("9A", "9C", "9D")]
    clerk.check_blank()
    assert "rolled back" in clerk.do("resume", status=2).stderr

    clerk.state.unlink()
    clerk.do("issue")
    clerk.check_issued()
    clerk.do("rollback")
    clerk.check_blank()
    clerk.state.unlink()
    clerk.do("issue")
    clerk.check_issued()


def test_authority_fails_and_is_mended(clerk, reader):
    """[A2] Exit code 4 with the authority's exit code in the sentence; resume goes on from there."""
    reader.insert()
    failed = clerk.do("issue", authority=["--ca-command", "exit 3"], status=4)
    assert "cardea-cms: the CA command ended with exit code 3\n" in failed.stderr
    assert json.loads(failed.stdout)["exit"] == 4
    other = clerk.do("resume", authority=["--ca-command", f"cat {clerk.ca}/ca.pem"], status=4)
    assert "for another key than the card's" in other.stderr
    clerk.do("resume")
    clerk.check_issued()


def test_wrong_pin_is_tried_once(clerk, reader):
    """[A2] A wrong PIN costs one try and no more."""
    reader.insert()
    refused = clerk.do("issue", "--current-pin-file", clerk.file("wrong", "999999"), status=1)
    assert "wrong PIN, 2 tries left; it was tried once and will not be tried again" in refused.stderr
    assert clerk.apdus("00200080") == ["63C2"]
    clerk.do("resume")
    clerk.check_issued()


def test_blocked_pin_and_wrong_management_key(clerk, reader):
    """[A2] Refused before anything is written."""
    reader.insert()
    wrong = clerk.do("issue", "--current-management-key-file", clerk.file("other", "00112233445566778899AABBCCDDEEFF0011223344556677"), status=1)
    assert "wrong management key: the card answers 6982" in wrong.stderr
    clerk.state.unlink(missing_ok=True)
    assert clerk.apdus(*["0020008008393939393939FFFF"] * 3) == ["63C2", "63C1", "6983"]
    blocked = clerk.do("issue", status=1)
    assert "the PIN of the card is blocked" in blocked.stderr
    assert not clerk.object_is_there("5FC102")


def test_issued_card_is_not_issued_again(clerk, reader):
    """[A2] Unless --replace says so."""
    reader.insert()
    clerk.do("issue", "--keep-secrets")
    clerk.state.unlink()
    assert "this card is issued already" in clerk.do("issue", status=1).stderr
    clerk.state.unlink(missing_ok=True)
    clerk.do("issue", "--replace")
    clerk.check_issued()
    assert "is the state of another issuance" in clerk.do("issue", status=2).stderr


def test_another_card_is_not_mistaken(clerk, reader):
    """[A2] Resuming on another card is refused, and that card is left alone."""
    reader.insert()
    clerk.do("issue", authority=["--ca-command", "exit 1"], status=4)
    reader.insert()
    assert "is not the one that this issuance began with" in clerk.do("resume", status=1).stderr
    clerk.check_blank()


def test_no_reader_no_card_busy_card(clerk, reader):
    """[A2] Exit code 3, each with its own sentence."""
    reader.remove()
    assert 'the reader "Nowhere" did not appear in time' in clerk.run(
        *[word if word != READER else "Nowhere" for word in clerk.words("issue", "--execute", "--wait", "1")], status=3).stderr
    assert "a card in the reader \"Virtual PCD 00 00\" did not appear in time" in clerk.do("issue", "--wait", "1", status=3).stderr
    reader.insert()
    hold = ("from smartcard import scard; c = scard.SCardEstablishContext(0)[1]; "
            f"print(scard.SCardConnect(c, {READER!r}, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1)[0], flush=True); input()")
    holder = subprocess.Popen(reader._inside("/usr/bin/python3", "-c", hold), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "0\n"
    try:
        assert "another program is using the card" in clerk.do("issue", status=3).stderr
    finally:
        holder.communicate("\n")
    listed = json.loads(clerk.run("readers", "--json").stdout)
    assert [r["card"] for r in listed if r["name"] == READER] == [True]


def test_card_whose_storage_fails_once(clerk, reader):
    """[A2] The card refuses one write; resuming goes on."""
    reader.insert(fail_store_after=12)
    refused = clerk.do("issue", status=1)
    assert "the card answers 6" in refused.stderr
    clerk.do("resume")
    clerk.check_issued()


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--subject", "Ada"], "is not of the form CN=…,O=…"),
    (["--plan", "/nonexistent.json"], "cannot read /nonexistent.json"),
    (["--pin-file", "/nonexistent"], "cannot read /nonexistent"),
    (["--ca-command", "true"], "excludes"),
])
def test_usage_errors(clerk, arguments, sentence):
    """[A2] Exit code 2 and a sentence, before a card is looked for."""
    words = ["issue", "--plan", PLANS / "piv-p256.json", "--ca", clerk.ca, "--subject", "CN=Ada", *clerk.secrets, "--execute"]
    for name, value in zip(arguments[::2], arguments[1::2]):
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name, value]
    assert sentence in clerk.run(*words, status=2).stderr


def test_missing_secrets_are_named(clerk):
    """[A2][F6] The option that is missing, and what a PIN must be; never the PIN."""
    clerk.secrets = []
    words = ["issue", "--plan", PLANS / "piv-p256.json", "--ca", clerk.ca, "--subject", "CN=Ada", "--execute"]
    assert "the PIN is missing: give it with --pin-file" in clerk.run(*words, status=2).stderr
    short = clerk.run(*words, "--pin-file", clerk.file("short", "123"), status=2).stderr
    assert "the PIN must have 6 to 8 characters" in short and "123" not in short.replace("--", "")
