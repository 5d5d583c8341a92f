"""Just enough of a PIV host for the tests: administrator authentication, keys, objects. Independent of the product's code."""

from cryptography.hazmat.primitives.ciphers import Cipher, modes
try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

from cardea_stack import FACTORY_MANAGEMENT_KEY


def encrypt(key, block):
    encryptor = Cipher(TripleDES(bytes.fromhex(key)), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def decrypt(key, block):
    decryptor = Cipher(TripleDES(bytes.fromhex(key)), modes.ECB()).decryptor()
    return decryptor.update(block) + decryptor.finalize()


def authenticate(connection, key=FACTORY_MANAGEMENT_KEY):
    """Mutual authentication with 9B (SP 800-73-4 Part 2, appendix A.1); the card's answer is checked."""
    data, sw = connection.transmit("0087039B047C02800000")
    assert sw == "9000", sw
    witness = decrypt(key, bytes.fromhex(data)[4:12])
    challenge = bytes(range(8))
    data, sw = connection.transmit("0087039B167C148008" + witness.hex() + "8108" + challenge.hex() + "00")
    assert sw == "9000", sw
    assert bytes.fromhex(data)[4:12] == encrypt(key, challenge)


def put_object(connection, tag, value):
    """PUT DATA, chained where it must be; the last status word."""
    body = bytes.fromhex("5C03" + tag) + b"\x53" + ber_length(len(value)) + value
    return send(connection, "DB3FFF", body)


def get_object(connection, tag):
    """The object's value, or None when there is none."""
    data, sw = connection.transmit("00CB3FFF055C03" + tag + "00")
    while sw[:2] == "61":
        more, sw = connection.transmit("00C00000" + sw[2:])
        data += more
    if sw == "6A82":
        return None
    assert sw == "9000", sw
    raw = bytes.fromhex(data)
    skip = 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
    return raw[skip:]


def send(connection, header, body):
    """A long command as a chain; the last (data, status word)'s status word."""
    while len(body) > 255:
        sw = connection.sw("10" + header + "FF" + body[:255].hex())
        if sw != "9000":
            return sw
        body = body[255:]
    return connection.sw("00" + header + f"{len(body):02X}" + body.hex())


def ber_length(n):
    if n < 0x80:
        return bytes([n])
    return bytes([0x81, n]) if n < 0x100 else bytes([0x82, n >> 8, n & 0xFF])


def generate(connection, slot="9A", algorithm="11"):
    """GENERATE ASYMMETRIC KEY PAIR; the public key template's octets."""
    data, sw = connection.transmit(f"004700{slot}05AC038001{algorithm}00")
    while sw[:2] == "61":
        more, sw = connection.transmit("00C00000" + sw[2:])
        data += more
    assert sw == "9000", sw
    return bytes.fromhex(data)


def sign_p256(connection, digest, slot="9A"):
    """(DER signature or empty, status word)."""
    return connection.transmit(f"008711{slot}267C24820081" + "20" + digest.hex() + "00")
