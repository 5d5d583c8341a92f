"""RSA-3072 and RSA-4096 through the whole stack and the HSM: Debian's PIV tools do not know them, so the host is written here."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import certified
import piv
from cardea_stack import FACTORY_PIN
from pcsc import Connection, verify_command

# SP 800-78-5, table 7-3; Yubico's firmware 5.7 for RSA-4096.
ALGORITHMS = {"05": 3072, "16": 4096}
LETTER = b"the quick brown fox"
DIGEST_INFO = bytes.fromhex("3031300D060960864801650304020105000420") + hashlib.sha256(LETTER).digest()  # RFC 8017, 9.2


@pytest.fixture(params=["piv-nist", "piv-yubikey5"])
def connection(stack, request):
    """An administrator at a new card."""
    made = stack.new_card(request.param)
    with Connection() as opened:
        piv.authenticate(opened)
        yield opened
    made.remove()


def whole(connection, answer):
    """(data, status word) with all that GET RESPONSE still has to give."""
    data, sw = answer
    while sw[:2] == "61":
        more, sw = connection.transmit("00C00000" + sw[2:])
        data += more
    return bytes.fromhex(data), sw


def template(block):
    """A request for what the key makes of the block (SP 800-73-4 Part 2, table 7)."""
    challenge = b"\x82\x00\x81" + piv.ber_length(len(block)) + block
    return b"\x7C" + piv.ber_length(len(challenge)) + challenge


def chained(connection, algorithm, slot, block):
    """By a chain of short commands; (result, status word)."""
    body = template(block)
    while len(body) > 255:
        assert connection.transmit(f"1087{algorithm}{slot}FF" + body[:255].hex()) == ("", "9000")
        body = body[255:]
    return result(*whole(connection, connection.transmit(f"0087{algorithm}{slot}{len(body):02X}{body.hex()}00")))


def extended(connection, algorithm, slot, block):
    """By one extended command, whose answer comes in one piece too."""
    body = template(block)
    data, sw = connection.transmit(f"0087{algorithm}{slot}00{len(body):04X}{body.hex()}0000")
    return result(bytes.fromhex(data), sw)


def result(data, sw):
    if sw != "9000":
        return data, sw
    size = len(data) - 8
    assert data[:8] == b"\x7C\x82" + (size + 4).to_bytes(2, "big") + b"\x82\x82" + size.to_bytes(2, "big")
    return data[8:], sw


def signed_block(size):
    return b"\x00\x01" + b"\xFF" * (size - 3 - len(DIGEST_INFO)) + b"\x00" + DIGEST_INFO


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_large_key_is_made_and_used(connection, algorithm):
    """[A3][A7] Made in the HSM, it signs and decrypts, by chains and by extended commands; not without the PIN, not under another name."""
    bits = ALGORITHMS[algorithm]
    key = certified.public_key(piv.generate(connection, "9A", algorithm))
    assert (key.key_size, key.public_numbers().e) == (bits, 65537)
    block = signed_block(bits // 8)
    assert chained(connection, algorithm, "9A", block) == (b"", "6982")
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    for way in (chained, extended):
        signature, sw = way(connection, algorithm, "9A", block)
        assert (len(signature), sw) == (bits // 8, "9000")
        key.verify(signature, LETTER, padding.PKCS1v15(), hashes.SHA256())
        secret = bytes(range(32))
        plain, sw = way(connection, algorithm, "9A", key.encrypt(secret, padding.PKCS1v15()))
        assert (plain[:2], plain[-33:], sw) == (b"\x00\x02", b"\x00" + secret, "9000")
        for other in ("05", "16", "07"):
            if other != algorithm:
                assert way(connection, other, "9A", block) == (b"", "6A86")
        assert way(connection, algorithm, "9A", block[:-1]) == (b"", "6A80")
        assert way(connection, algorithm, "9A", b"\xFF" * (bits // 8)) == (b"", "6A80")  # not below the modulus
    assert connection.sw("00200080") == "9000"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_large_key_is_imported(card, algorithm):
    """[A3][A6][A7] Five components in a chain and in one extended command: the signature is the one that the key gives elsewhere."""
    bits = ALGORITHMS[algorithm]
    key = rsa.generate_private_key(65537, bits)
    numbers = key.private_numbers()
    parts = b""
    for tag, value in enumerate((numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp), 1):
        parts += bytes([tag]) + piv.ber_length(bits // 16) + value.to_bytes(bits // 16, "big")
    with Connection() as connection:
        piv.authenticate(connection)
        assert piv.send(connection, f"FE{algorithm}9C", parts) == "9000"
        assert connection.sw(f"00FE{algorithm}9A00{len(parts):04X}{parts.hex()}") == "9000"
        for slot in ("9A", "9C"):
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
            assert chained(connection, algorithm, slot, signed_block(bits // 8)) == \
                (key.sign(LETTER, padding.PKCS1v15(), hashes.SHA256()), "9000")
