"""How many APDUs a program sends for one task: card-profiles J.1, within two (K.5). pcscd counts them."""

import re
import ssl
from collections import Counter

import pytest

import certified
from cardea_stack import FACTORY_PIN, OPENSC_MODULE, READER
from pcsc import Connection, verify_command

PKCS11 = ["pkcs11-tool", "--module", OPENSC_MODULE]
LOGIN = ["--login", "--pin", FACTORY_PIN]
SIGN = [*PKCS11, *LOGIN, "--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "data", "-o", "signature"]
ECDSA = [*PKCS11, *LOGIN, "--sign", "--id", "02", "-m", "ECDSA", "-i", "data", "-o", "signature"]
DECRYPT = [*PKCS11, *LOGIN, "--decrypt", "--id", "03", "-m", "RSA-PKCS", "-i", "cipher", "-o", "plain"]
LOAD = ["piv-tool", "-A", "M:9B:03", "-C", "9A", "-i", "certificate.pem"]
YUBICO = ["yubico-piv-tool", "-r", READER, "-a", "status"]
YKMAN = ["ykman", "-r", READER, "piv", "info"]
RSA = {"9A": "07", "9C": "07", "9D": "07"}


@pytest.fixture(scope="module")
def counting(stack):
    """The stack, with a pcscd that logs each APDU and its answer."""
    stack.pcscd.stop()
    stack.start_pcscd(options=["--apdu"])
    yield stack
    stack.pcscd.stop()
    stack.start_pcscd()


@pytest.fixture(scope="module")
def card_of(counting, tmp_path_factory):
    """Cards by profile and keys, made once; inserted by `card_of(profile, slots)`, which gives {slot: public key file}."""
    made = {}
    inserted = []

    def insert(profile, slots):
        while inserted:
            inserted.pop().eject()
        wanted = (profile, *sorted(slots.items()))
        if wanted not in made:
            card, files = counting.new_card(profile), {}
            if slots:
                with Connection() as connection:
                    files = certified.provision(connection, slots, tmp_path_factory.mktemp("keys"))
            made[wanted] = card, files
        else:
            made[wanted][0].insert()
        inserted.append(made[wanted][0])
        return made[wanted][1]

    yield insert
    while inserted:
        inserted.pop().eject()
    for card, _ in made.values():
        card.remove()


def commands(counting, tool, command, **more):
    """Instructions of all APDUs that the program sent, in order."""
    before = len(counting.pcscd.text())
    tool(*command, **more)
    return re.findall(r"APDU: [0-9A-F]{2} ([0-9A-F]{2})", counting.pcscd.text()[before:])


# J.1 was measured with the PIN verified already, as OpenSC leaves it; a first login asks for the counter and PIV once more.
@pytest.mark.parametrize("profile, slots, command, expected, some", [
    ("piv-nist", RSA, SIGN, 41, {"A4": 4, "CA": 1, "CB": 23, "20": 2, "87": 2}),
    ("piv-yubikey5", RSA, SIGN, 40, {"A4": 4, "CA": 1, "20": 2, "87": 2, "FD": 1}),
    ("piv-nist", {**RSA, "9C": "11"}, ECDSA, 41, {"A4": 4, "CA": 1, "20": 3, "87": 1}),
    ("piv-nist", RSA, [*PKCS11, "-L"], 35, {"A4": 4, "CA": 1, "20": 1, "87": 0}),
    ("piv-nist", RSA, [*PKCS11, "-O", *LOGIN], 37, {"A4": 4, "CA": 1, "20": 2, "87": 0}),
    ("piv-nist", RSA, DECRYPT, 41, {"A4": 4, "CA": 1, "CB": 23, "20": 2, "87": 2}),
    ("piv-nist", {}, LOAD, 16, {"87": 2, "DB": 4}),
    ("piv-yubikey5", {}, YKMAN, 34, {"A4": 2, "FD": 1, "F7": 2}),
    ("piv-yubikey5", RSA, YKMAN, 34, {"A4": 2, "FD": 1, "F7": 2}),
    ("piv-yubikey5", {}, YUBICO, 31, {"A4": 1, "20": 2, "FD": 1, "F8": 1}),
], ids=["sign-nist", "sign-yubikey5", "ecdsa", "list", "objects", "decrypt", "load", "ykman-empty", "ykman", "yubico"])
def test_k5_apdu_counts(counting, card_of, tool, tmp_path, profile, slots, command, expected, some):
    """[A4][A6] J.1: the total within two, and of the instructions that the card's answers decide exactly as many as there."""
    files = card_of(profile, slots)
    (tmp_path / "data").write_bytes(b"x" * 32)
    more = {}
    if command is DECRYPT:
        tool("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", files["9D"], "-in", "data", "-out", "cipher")
    if command is LOAD:
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-subj", "/CN=loaded", "-out",
             "certificate.pem")
        (tmp_path / "management").write_text(":".join(["01:02:03:04:05:06:07:08"] * 3))
        # It ends with the number of octets that it wrote, in eight bits.
        size = len(ssl.PEM_cert_to_DER_cert((tmp_path / "certificate.pem").read_text()))
        more = {"env": {"PIV_EXT_AUTH_KEY": str(tmp_path / "management")}, "status": size % 256}
    if LOGIN[0] in command:
        connection = Connection()
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        connection.close(disposition=0)  # SCARD_LEAVE_CARD
    sent = commands(counting, tool, command, **more)
    kinds = Counter(sent)
    print(f"{len(sent)} APDUs, J.1 has {expected}: {dict(kinds)}")
    assert abs(len(sent) - expected) <= 2, sent
    assert {ins: kinds[ins] for ins in some} == some, kinds
