"""OpenSC 0.23: opensc-tool, pkcs11-tool, piv-tool, pkcs15-tool."""

import hashlib
import re

import pytest

import certified
import piv
from cardea_stack import FACTORY_PIN
from pcsc import Connection

PROBES = [  # card-profiles 0.2: what OpenSC asks every card it does not know
    ("00A4040007627601FF000000", "6A82"), ("00A4040006A00000000101", "6A82"), ("00A404000BE82B0601040181C31F020100", "6A82"),
    ("00A4040C0FD23300000045737445494420763335", "6A82"), ("00A4040C07A000000116DB0000", "6A82"),
    ("00A4040C07A000000079010000", "6A82"), ("00A404000CF276A288BCFBA69D34F31001", "6A82"),
    ("00A4040009A0000003974254465900", "6A82"), ("00A4040006D2760001240100", "6A82"),
]


def send(tool, *apdus, reader="0"):
    """Status words of APDUs sent in one connection."""
    arguments = [part for apdu in apdus for part in ("-s", apdu)]
    out = tool("opensc-tool", "-r", reader, *arguments).stdout
    return re.findall(r"SW1=0x([0-9A-F]{2}), SW2=0x([0-9A-F]{2})", out)


def test_atr_and_name(card, tool):
    """[A1] OpenSC knows the card as a PIV card."""
    assert tool("opensc-tool", "-a").stdout.strip() == "3b:fd:13:00:00:81:31:fe:15:80:73:c0:21:c0:57:59:75:62:69:4b:65:79:40"
    assert tool("opensc-tool", "-n").stdout == "Personal Identity Verification Card\n"


def test_nist_atr_and_name(nist_card, tool):
    """[A1] The NIST profile has the generic PIV ATR."""
    assert tool("opensc-tool", "-a").stdout.strip() == "3b:88:81:31:fe:45:00:73:c8:40:13:00:90:00:fb"
    assert tool("opensc-tool", "-n").stdout == "Personal Identity Verification Card\n"


def test_k1_probe_burst_leaves_piv_selected(provisioned, tool):
    """[A1] Foreign applications are not found, and PIV answers as if nothing had been asked."""
    words = send(tool, *(apdu for apdu, _ in PROBES), "00CB3FFF035C017E00")
    assert ["".join(w) for w in words] == [sw for _, sw in PROBES] + ["9000"]


@pytest.mark.parametrize("apdu, expected", [
    ("00200080", "63C3"), ("0020008000", "63C3"), ("00FD0000", "9000"), ("00FD000000", "9000"),
    ("00A4040005A000000308", "9000"), ("00A4040009A0000003080000100000", "9000"), ("0070000001", "6A81"),
    ("00C0000000", "6985"), ("00010000", "6D00"), ("E0010000", "6E00"),
])
def test_k2_cases_and_lengths(provisioned, tool, apdu, expected):
    """[A1] Every case of command, with the status word that the specification gives."""
    assert ["".join(w) for w in send(tool, apdu)] == [expected]


def test_list_objects(provisioned, pkcs11):
    """[A3][A4] Certificates and public keys of all four slots are seen without a PIN."""
    out = pkcs11("-O").stdout
    assert out.count("Certificate Object") == 4
    assert out.count("Public Key Object") == 4


def test_pkcs11_tool_test_login(provisioned, pkcs11):
    """[A4] pkcs11-tool's own test: digests, signatures, decryption, with the PIN."""
    out = pkcs11("--test", "--login", "--pin", FACTORY_PIN, timeout=240).stdout
    assert "No errors" in out


@pytest.mark.parametrize("object_id, slot, mechanism, extra", [
    ("01", "9a", "SHA256-RSA-PKCS", []), ("01", "9a", "SHA384-RSA-PKCS", []), ("01", "9a", "SHA512-RSA-PKCS", []),
    ("02", "9c", "SHA256-RSA-PKCS", []),
    ("01", "9a", "SHA256-RSA-PKCS-PSS", ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"]),
])
def test_sign_rsa(provisioned, pkcs11, tool, tmp_path, object_id, slot, mechanism, extra):
    """[A4] A signature by the card's key verifies with OpenSSL."""
    (tmp_path / "data").write_bytes(b"the quick brown fox")
    pkcs11("--login", "--pin", FACTORY_PIN, "--sign", "--id", object_id, "-m", mechanism, "-i", "data", "-o", "signature")
    digest = re.search(r"SHA\d+", mechanism)[0].lower()
    verified = tool("openssl", "dgst", f"-{digest}", *extra, "-verify", provisioned[slot], "-signature", "signature", "data")
    assert "Verified OK" in verified.stdout


def test_sign_ecdsa(provisioned, pkcs11, tool, tmp_path):
    """[A4][A7] ECDSA with the card authentication key."""
    (tmp_path / "data").write_bytes(hashlib.sha256(b"the quick brown fox").digest())
    pkcs11("--login", "--pin", FACTORY_PIN, "--sign", "--id", "04", "-m", "ECDSA", "--signature-format", "openssl", "-i", "data",
           "-o", "signature")
    verified = tool("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", provisioned["9e"], "-sigfile", "signature", "-in", "data")
    assert "Signature Verified Successfully" in verified.stdout


def test_decrypt(provisioned, pkcs11, tool, tmp_path):
    """[A4] What was encrypted to the key management key comes back."""
    (tmp_path / "plain").write_bytes(b"a content encryption key")
    tool("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", provisioned["9d"], "-in", "plain", "-out", "cipher")
    pkcs11("--login", "--pin", FACTORY_PIN, "--decrypt", "--id", "03", "-m", "RSA-PKCS", "-i", "cipher", "-o", "out")
    assert (tmp_path / "out").read_bytes() == b"a content encryption key"


def test_change_and_unblock_pin(card, pkcs11, tool):
    """[C3] PIN change, block after three wrong tries, unblock with the PUK: through PKCS#15."""
    tool("pkcs15-tool", "--change-pin", "--auth-id", "01", "--pin", FACTORY_PIN, "--new-pin", "654321")
    for said in ("PIN code or key incorrect", "PIN code or key incorrect", "Authentication method blocked"):
        wrong = tool("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", "111111", status=255)
        assert wrong.stderr == f"Using reader with a card: Cardea 00 00\nOperation failed: {said}\n"
    assert ["".join(w) for w in send(tool, "00200080")] == ["6983"]
    tool("pkcs15-tool", "--unblock-pin", "--auth-id", "01", "--puk", "12345678", "--new-pin", "777777")
    assert ["".join(w) for w in send(tool, "0020008008373737373737FFFF", "00200080")] == ["9000", "9000"]


@pytest.fixture
def piv_tool(tool, tmp_path):
    """piv-tool after mutual authentication with 9B: `piv_tool("-C", "9A", …, status=0)`."""
    def run(*arguments, status, key="01:02:03:04:05:06:07:08"):
        (tmp_path / "management").write_text(":".join([key] * 3))
        done = tool("piv-tool", "-A", "M:9B:03", *arguments, env={"PIV_EXT_AUTH_KEY": str(tmp_path / "management")}, status=status)
        assert done.stderr.startswith("Using reader with a card: Cardea 00 00\n")
        return done.stderr.partition("\n")[2]

    return run


def test_piv_tool_writes_an_object(card, piv_tool, tmp_path):
    """[A6] -O: the CHUID, octet for octet. What the tool ends with is the number of octets that it wrote, in eight bits."""
    (tmp_path / "chuid").write_bytes(b"\x53\x3B" + certified.CHUID)
    assert piv_tool("-O", "3000", "-i", "chuid", status=2 + len(certified.CHUID)) == ""
    with Connection() as connection:
        assert piv.get_object(connection, "5FC102") == certified.CHUID


@pytest.mark.parametrize("slot, tag", [("9A", "5FC105"), ("9C", "5FC10A"), ("9D", "5FC10B"), ("9E", "5FC101")])
def test_piv_tool_loads_a_certificate(card, piv_tool, tool, tmp_path, slot, tag):
    """[A3][A6] -C: the certificate is in the container of its slot, in the form of SP 800-73-4 Part 1; none is written with a wrong 9B key."""
    tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=loaded", "-out", "certificate.pem")
    tool("openssl", "x509", "-in", "certificate.pem", "-outform", "DER", "-out", "certificate.der")
    der = (tmp_path / "certificate.der").read_bytes()
    with Connection() as connection:
        # -1211, "security status not satisfied", in eight bits
        assert piv_tool("-C", slot, "-i", "certificate.pem", status=69, key="11:12:13:14:15:16:17:18") == " admin_mode failed -1211\n"
        assert piv.get_object(connection, tag) is None
        assert piv_tool("-C", slot, "-i", "certificate.pem", status=len(der) % 256) == ""
        assert piv.get_object(connection, tag) == b"\x70" + piv.ber_length(len(der)) + der + bytes.fromhex("710100FE00")


@pytest.mark.parametrize("algorithm, said, metadata", [
    ("07", "gen_key unable to gen RSA", "010107"), ("11", "gen_key unable to gen EC key", "010111"), ("14", "gen_key unable to gen EC key", "010114"),
])
def test_piv_tool_generates(card, piv_tool, algorithm, said, metadata):
    """[A6][A7] -G: the key is made; this version then fails to print it under OpenSSL 3 (card-profiles J.2), so the card is asked."""
    assert piv_tool("-G", f"9A:{algorithm}", status=255).startswith(said)
    with Connection() as connection:
        data, word = connection.transmit("00F7009A000000")
        assert (data[:6], word) == (metadata, "9000")
    assert piv_tool("-G", "9B:07", status=2) == "<keyref>:<algid> must be 9A, 9C, 9D or 9E\n"


def test_k5_apdu_count_of_a_signature(provisioned, pkcs11, tmp_path):
    """[A4] card-profiles J.1, K.5: login and signature take 40 APDUs with the YubiKey ATR, give or take two."""
    (tmp_path / "data").write_bytes(b"x")
    # Where the PIN is verified already (OpenSC leaves the card so), OpenSC saves itself a second query of the counter.
    for verified, queries_and_pin in ((False, 3), (True, 2)):
        log = pkcs11("--login", "--pin", FACTORY_PIN, "--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "data", "-o", "s",
                     env={"OPENSC_DEBUG": "9"}).stderr
        sent = re.findall(r"Outgoing APDU[^\n]*\n[0-9A-F]{2} ([0-9A-F]{2})", log)
        assert 38 <= len(sent) <= 42, (verified, sent)
        assert [sent.count(ins) for ins in ("20", "87", "FD")] == [queries_and_pin, 2, 1], (verified, sent)
