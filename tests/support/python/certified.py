"""A card with keys and certificates of any profile, made by APDUs alone: what the tools of one vendor would not do for all."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

import piv

CERTIFICATE_OBJECTS = {"9A": "5FC105", "9C": "5FC10A", "9D": "5FC10B", "9E": "5FC101"}
CHUID = bytes.fromhex("3019D4E739DA739CED39CE739D836858210842108421C84210C3EB3410000102030405060708090A0B0C0D0E0F"
                      "350832303330303130313E00FE00")


def elements(template):
    """{tag: value} of a 7F49 template (SP 800-73-4 Part 2, table 21)."""
    def value_at(position):
        first = template[position]
        if first < 0x80:
            return position + 1, first
        size = first & 0x7F
        return position + 1 + size, int.from_bytes(template[position + 1:position + 1 + size], "big")

    assert template[:2] == b"\x7F\x49"
    position, length = value_at(2)
    assert position + length == len(template)
    found = {}
    while position < len(template):
        tag = template[position]
        position, length = value_at(position + 1)
        found[tag] = template[position:position + length]
        position += length
    return found


def public_key(template):
    """The key that GENERATE answered with."""
    parts = elements(template)
    if 0x86 in parts:
        curve = {65: ec.SECP256R1, 97: ec.SECP384R1}[len(parts[0x86])]()
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, parts[0x86])
    return rsa.RSAPublicNumbers(int.from_bytes(parts[0x82], "big"), int.from_bytes(parts[0x81], "big")).public_key()


def certificate(key, name):
    """DER, of the size that certificates of an authority with RSA-2048 have."""
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name),
                         x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Trust")])
    authority = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder(subject, subject, key, x509.random_serial_number(), now - datetime.timedelta(days=1),
                                      now + datetime.timedelta(days=30))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def provision(connection, slots, directory):
    """CHUID, keys and certificates ({slot: algorithm identifier}); {slot: file with the public key}."""
    piv.authenticate(connection)
    assert piv.put_object(connection, "5FC102", CHUID) == "9000"
    files = {}
    for slot, algorithm in slots.items():
        key = public_key(piv.generate(connection, slot, algorithm))
        der = certificate(key, f"Ada Example {slot}")
        content = b"\x70" + piv.ber_length(len(der)) + der + bytes.fromhex("710100FE00")
        assert piv.put_object(connection, CERTIFICATE_OBJECTS[slot], content) == "9000"
        files[slot] = directory / f"{slot}.pem"
        files[slot].write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return files
