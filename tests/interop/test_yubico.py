"""yubico-piv-tool 2.2 and ykman 4.0.9: every action that works in Debian's versions."""

import re

import pytest

import piv
from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK
from pcsc import Connection, verify_command

SLOTS = ["9a", "9c", "9d", "9e", "82", "95"]


def test_status(card, yubico):
    """[A6] An empty card's status."""
    out = yubico("-a", "status").stdout
    assert "Version:\t5.4.3" in out
    assert "PIN tries left:\t3" in out


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("algorithm, name", [("ECCP256", "ASN1 OID: prime256v1"), ("ECCP384", "ASN1 OID: secp384r1")])
def test_generate(used_card, yubico, tool, slot, algorithm, name):
    """[A7] A key generated on the card; its public key is well-formed."""
    yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", "public.pem")
    assert name in tool("openssl", "pkey", "-pubin", "-in", "public.pem", "-text", "-noout").stdout.splitlines()
    tool("openssl", "pkey", "-pubin", "-in", "public.pem", "-pubcheck", "-noout")


def test_generate_rsa(used_card, yubico, tool):
    """[A7] RSA-2048."""
    yubico("-a", "generate", "-s", "9a", "-A", "RSA2048", "-o", "public.pem")
    assert "(2048 bit)" in tool("openssl", "pkey", "-pubin", "-in", "public.pem", "-text", "-noout").stdout


@pytest.mark.parametrize("make, algorithm", [
    (["rsa", "-pkeyopt", "rsa_keygen_bits:2048"], "RSA2048"),
    (["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ECCP256"), (["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "ECCP384"),
])
def test_import_key_and_certificate(used_card, yubico, tool, tmp_path, make, algorithm):
    """[A3][A6] A key made elsewhere is imported with its certificate, and the card signs and decrypts with it."""
    tool("openssl", "genpkey", "-algorithm", *make, "-out", "key.pem")
    tool("openssl", "req", "-x509", "-key", "key.pem", "-subj", "/CN=imported", "-days", "30", "-out", "certificate.pem")
    yubico("-a", "import-key", "-s", "9a", "-i", "key.pem")
    yubico("-a", "import-certificate", "-s", "9a", "-i", "certificate.pem")
    read = yubico("-a", "read-certificate", "-s", "9a").stdout
    assert read.strip() == (tmp_path / "certificate.pem").read_text().strip()
    assert "Successful" in yubico("-a", "verify-pin", "-P", FACTORY_PIN, "-a", "test-signature", "-s", "9a", "-A", algorithm, "-i",
                                  "certificate.pem").stderr
    assert "Successful" in yubico("-a", "verify-pin", "-P", FACTORY_PIN, "-a", "test-decipher", "-s", "9a", "-A", algorithm, "-i",
                                  "certificate.pem").stderr
    yubico("-a", "delete-certificate", "-s", "9a")
    assert "Failed" in yubico("-a", "read-certificate", "-s", "9a", status=1).stderr


def test_verify_pin(card, yubico):
    """[C3] Right and wrong PINs, and what is said of the tries."""
    assert "Successfully verified PIN." in yubico("-a", "verify-pin", "-P", FACTORY_PIN).stderr
    assert "2 tries left" in yubico("-a", "verify-pin", "-P", "000000", status=1).stderr
    assert "1 tries left" in yubico("-a", "verify-pin", "-P", "000000", status=1).stderr
    for _ in range(2):
        blocked = yubico("-a", "verify-pin", "-P", "000000", status=1).stderr
        assert blocked == "Pin code blocked, use unblock-pin action to unblock.\n"
    assert "PIN tries left:\t0" in yubico("-a", "status").stdout


def test_change_pin_and_puk_and_unblock(card, yubico):
    """[C3] change-pin, change-puk, unblock-pin."""
    yubico("-a", "change-pin", "-P", FACTORY_PIN, "-N", "24681357")
    yubico("-a", "verify-pin", "-P", "24681357")
    yubico("-a", "change-puk", "-P", FACTORY_PUK, "-N", "87654321")
    for _ in range(3):
        yubico("-a", "verify-pin", "-P", "000000", status=1)
    yubico("-a", "unblock-pin", "-P", "87654321", "-N", "123123")
    yubico("-a", "verify-pin", "-P", "123123")


def test_set_management_key(card, yubico):
    """[A6] The new key opens, the old one does not."""
    new = "A1B2C3D4E5F60718293A4B5C6D7E8F901122334455667788"
    yubico("-a", "set-mgm-key", "-n", new)
    yubico("-a", "set-chuid", status=1)
    yubico(f"-k{new}", "-a", "set-chuid")


def test_set_chuid_and_ccc(card, yubico):
    """[A6] The two objects that every issuer writes."""
    yubico("-a", "set-chuid")
    yubico("-a", "set-ccc")
    out = yubico("-a", "status").stdout
    assert re.search(r"CHUID:\t3019d4e739da", out)
    assert re.search(r"CCC:\tf015a000000116ff02", out)


def tries(stack, card):
    """(left, limit) of PIN and PUK, as the server shows them."""
    pins = stack.cli("card", "show", card.id)["pins"]
    return {name: (pins[name]["tries_left"], pins[name]["tries_max"]) for name in ("pin", "puk")}


def test_pin_retries(stack, card, yubico):
    """[C3] Limits are set, of the PIN and of the PUK, and both are the factory's again."""
    yubico("-a", "change-puk", "-P", FACTORY_PUK, "-N", "87654321")
    yubico("-a", "change-pin", "-P", FACTORY_PIN, "-N", "24681357")
    yubico("-a", "verify-pin", "-P", "24681357", "-a", "pin-retries", "--pin-retries", "5", "--puk-retries", "4")
    assert "PIN tries left:\t5" in yubico("-a", "status").stdout
    assert tries(stack, card) == {"pin": (5, 5), "puk": (4, 4)}
    yubico("-a", "verify-pin", "-P", FACTORY_PIN)
    for left in (3, 2, 1):
        wrong = yubico("-a", "change-puk", "-P", "00000000", "-N", "11111111", status=1).stderr
        assert f"{left} tries left" in wrong
        assert tries(stack, card) == {"pin": (5, 5), "puk": (left, 4)}
    yubico("-a", "change-puk", "-P", FACTORY_PUK, "-N", "87654321")
    assert tries(stack, card) == {"pin": (5, 5), "puk": (4, 4)}


def test_reset(card, yubico):
    """[A6] With PIN and PUK blocked the card goes back to the factory state."""
    yubico("-a", "set-chuid")
    yubico("-a", "reset", status=1)
    for _ in range(3):
        yubico("-a", "verify-pin", "-P", "000000", status=1)
        yubico("-a", "change-puk", "-P", "00000000", "-N", "11111111", status=1)
    yubico("-a", "reset")
    out = yubico("-a", "status").stdout
    assert "CHUID:\tNo data available" in out
    yubico("-a", "verify-pin", "-P", FACTORY_PIN)


def test_write_and_read_object(used_card, yubico, tmp_path):
    """[A3] Any object of the 5FC1 range, byte for byte, also a large one."""
    for size in (1, 200, 3000):
        (tmp_path / "object").write_bytes(bytes(range(256)) * 12 + b"x" * (size % 7))
        content = (tmp_path / "object").read_bytes()[:size]
        (tmp_path / "object").write_bytes(content)
        yubico("-a", "write-object", "--id", "0x5fc10a", "-f", "binary", "-i", "object")
        yubico("-a", "read-object", "--id", "0x5fc10a", "-f", "binary", "-o", "read")
        assert (tmp_path / "read").read_bytes() == content


def test_ykman_info(card, ykman):
    """[A6] ykman opens the device and sees PIV."""
    out = ykman("info").stdout
    assert "Firmware version: 5.4.3" in out
    assert "PIV version: 5.4.3" in ykman("piv", "info").stdout


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("algorithm", ["ECCP256", "ECCP384"])
def test_ykman_keys_and_certificates(used_card, ykman, tool, slot, algorithm):
    """[A3][A7] Generate a key, a request and a self-signed certificate in each kind of slot; export; delete."""
    ykman("piv", "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", algorithm, slot, "public.pem")
    ykman("piv", "certificates", "request", "-P", FACTORY_PIN, "-s", "CN=request", slot, "public.pem", "request.pem")
    tool("openssl", "req", "-in", "request.pem", "-verify", "-noout")
    ykman("piv", "certificates", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-s", "CN=self", slot, "public.pem")
    ykman("piv", "certificates", "export", slot, "certificate.pem")
    tool("openssl", "verify", "-CAfile", "certificate.pem", "certificate.pem")
    assert "CN=self" in ykman("piv", "info").stdout
    ykman("piv", "certificates", "delete", "-m", FACTORY_MANAGEMENT_KEY, slot)
    ykman("piv", "certificates", "export", slot, "gone.pem", status=1)


@pytest.mark.parametrize("policy", ["NEVER", "ONCE", "ALWAYS"])
def test_ykman_pin_policy(used_card, ykman, policy):
    """[A6] The PIN policy of a key is kept, reported (F7) and obeyed."""
    ykman("piv", "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", "ECCP256", "--pin-policy", policy, "9a", "public.pem")
    number = {"NEVER": "01", "ONCE": "02", "ALWAYS": "03"}[policy]
    fresh, again = {"NEVER": ("9000", "9000"), "ONCE": ("9000", "9000"), "ALWAYS": ("9000", "6982")}[policy]
    with Connection() as connection:
        # ykman 4.0.9 has no command that shows the policy; this is what a later one asks.
        metadata, sw = connection.transmit("00F7009A00")
        assert (metadata[:20], sw) == ("0101110202" + number + "01030101", "9000")
        assert piv.sign_p256(connection, bytes(32))[1] == ("9000" if policy == "NEVER" else "6982")
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert piv.sign_p256(connection, bytes(32))[1] == fresh
        assert piv.sign_p256(connection, bytes(32))[1] == again


def test_ykman_change_pin_puk_management_key(card, ykman):
    """[C3] PIN, PUK and an AES-256 management key."""
    aes = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
    ykman("piv", "access", "change-pin", "-P", FACTORY_PIN, "-n", "13572468")
    ykman("piv", "access", "change-puk", "-p", FACTORY_PUK, "-n", "86427531")
    ykman("piv", "access", "change-management-key", "-m", FACTORY_MANAGEMENT_KEY, "-a", "AES256", "-n", aes, "-f")
    ykman("piv", "keys", "generate", "-m", aes, "-a", "ECCP256", "9a", "public.pem")
    assert "AES256" in ykman("piv", "info").stdout
    ykman("piv", "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", "ECCP256", "9a", "public.pem", status=1)


def test_ykman_protected_management_key(card, ykman):
    """[A6] A management key that the PIN opens (5FC109 behind the PIN)."""
    ykman("piv", "access", "change-management-key", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-p", "-g", "-f")
    ykman("piv", "keys", "generate", "-P", FACTORY_PIN, "-a", "ECCP256", "9a", "public.pem")


def test_ykman_set_retries(stack, card, ykman, yubico):
    """[C3] Both halves: seven tries for the PIN, eight for the PUK, and the PUK is blocked by the eighth and no sooner."""
    ykman("piv", "access", "set-retries", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-f", "7", "8")
    assert "PIN tries remaining: 7/7" in ykman("piv", "info").stdout
    assert tries(stack, card) == {"pin": (7, 7), "puk": (8, 8)}
    for left in range(7, -1, -1):
        yubico("-a", "change-puk", "-P", "00000000", "-N", "11111111", status=1)
        assert tries(stack, card) == {"pin": (7, 7), "puk": (left, 8)}
    yubico("-a", "change-puk", "-P", FACTORY_PUK, "-N", "87654321", status=1)


@pytest.mark.parametrize("slot, algorithm", [
    ("9a", "RSA2048"), ("9a", "ECCP256"), ("9c", "ECCP384"), ("9d", "ECCP256"), ("9e", "ECCP384"), ("82", "ECCP256"), ("95", "ECCP384"),
])
def test_ykman_exports_a_public_key(card, ykman, tool, tmp_path, slot, algorithm):
    """[A6][A7] The key that was generated, with no certificate beside it, and proven by a signature; an empty slot has none."""
    empty = ykman("piv", "keys", "export", slot, "none.pem", status=1)
    assert re.fullmatch(r"Error: No key stored in slot \w+\.\n", empty.stderr)
    ykman("piv", "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", algorithm, slot, "generated.pem")
    ykman("piv", "keys", "export", "--verify", "-P", FACTORY_PIN, slot, "exported.pem")
    assert (tmp_path / "exported.pem").read_bytes() == (tmp_path / "generated.pem").read_bytes()
    ykman("piv", "keys", "export", "-F", "DER", slot, "exported.der")
    assert tool("openssl", "pkey", "-pubin", "-inform", "DER", "-in", "exported.der").stdout == (tmp_path / "generated.pem").read_text()


def test_ykman_unblock(card, ykman, yubico):
    """[C3]"""
    for _ in range(3):
        yubico("-a", "verify-pin", "-P", "000000", status=1)
    ykman("piv", "access", "unblock-pin", "-p", FACTORY_PUK, "-n", "123321")
    yubico("-a", "verify-pin", "-P", "123321")


def test_ykman_import(used_card, ykman, tool):
    """[A3] A key and a certificate made elsewhere, RSA with its five components in one extended APDU."""
    tool("openssl", "genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem")
    tool("openssl", "req", "-x509", "-key", "key.pem", "-subj", "/CN=imported", "-days", "30", "-out", "certificate.pem")
    ykman("piv", "keys", "import", "-m", FACTORY_MANAGEMENT_KEY, "9d", "key.pem")
    ykman("piv", "certificates", "import", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-v", "9d", "certificate.pem")


def test_ykman_reset(card, ykman):
    """[A6] ykman blocks PIN and PUK itself and resets."""
    ykman("piv", "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", "ECCP256", "9a", "public.pem")
    ykman("piv", "reset", "-f")
    assert "PIN tries remaining: 3/3" in ykman("piv", "info").stdout


def attested(tool, certificate, public, policies):
    """What openssl says of an attestation: it verifies against F9's certificate, holds the key, has Yubico's extensions."""
    tool("openssl", "verify", "-CAfile", "f9.pem", certificate)
    held = tool("openssl", "x509", "-in", certificate, "-noout", "-pubkey").stdout
    assert held == tool("openssl", "pkey", "-pubin", "-in", public).stdout
    parsed = tool("openssl", "asn1parse", "-in", certificate).stdout
    for arc, value in {"3": "050403", "8": policies, "9": "01"}.items():
        assert re.search(rf"1\.3\.6\.1\.4\.1\.41482\.3\.{arc}\n.*OCTET STRING +\[HEX DUMP\]:{value}\n", parsed), (arc, parsed)
    assert "1.3.6.1.4.1.41482.3.7" in parsed


def test_attestation(used_card, yubico, ykman, tool, tmp_path):
    """[A6][YUBICO-PIV#F9] Both tools read an attestation of a key made on the card, and its chain; none of an imported key."""
    yubico("-a", "generate", "-s", "9e", "-A", "ECCP256", "--pin-policy", "always", "-o", "public.pem")
    yubico("-a", "read-certificate", "-s", "f9", "-o", "f9.pem")
    yubico("-a", "verify-pin", "-P", FACTORY_PIN, "-a", "attest", "-s", "9e", "-o", "by-yubico.pem")
    attested(tool, "by-yubico.pem", "public.pem", "0301")

    yubico("-a", "generate", "-s", "9e", "-A", "RSA2048", "--pin-policy", "never", "-o", "public.pem")
    ykman("piv", "keys", "attest", "9e", "by-ykman.pem")
    attested(tool, "by-ykman.pem", "public.pem", "0101")

    tool("openssl", "genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem")
    yubico("-a", "import-key", "-s", "9e", "-i", "key.pem")
    yubico("-a", "attest", "-s", "9e", "-o", "none.pem", status=1)
