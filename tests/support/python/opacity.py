"""The host's end of PIV's secure messaging, from SP 800-73-4 Part 2, section 4 (OPACITY ZKM), over python3-cryptography.

    signer = Signer(SUITES[0x27])                          # issues card verifiable certificates
    certificate = signer.card_verifiable(point, guid)      # 7F21, for slot 04
    host = Messaging(connection.transmit, SUITES[0x27], signer.certificate)
    host.establish()                                       # GENERAL AUTHENTICATE; certificate and cryptogram are checked
    host.send("CB3FFF", "5C017E")                          # (data, status word), wrapped and unwrapped
"""

import dataclasses
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from piv import ber_length
from scp03 import cbc, cmac, ecb, pad, unpad

SHORT = 255  # octets of data in a short command


@dataclasses.dataclass(frozen=True)
class Suite:
    """4.1.6, table 16: what goes with a cipher suite's number."""

    id: int
    curve: ec.EllipticCurve
    digest: hashes.HashAlgorithm
    key: int            # octets of a session key
    nonce: int          # octets of the card's nonce
    label: int          # what OtherInfo calls the cipher
    curve_oid: bytes
    signature_oid: bytes  # ECDSA with the digest


SUITES = {
    0x27: Suite(0x27, ec.SECP256R1(), hashes.SHA256(), 16, 16, 0x09, bytes.fromhex("2A8648CE3D030107"),
                bytes.fromhex("2A8648CE3D040302")),
    0x2E: Suite(0x2E, ec.SECP384R1(), hashes.SHA384(), 32, 24, 0x0D, bytes.fromhex("2B81040022"),
                bytes.fromhex("2A8648CE3D040303")),
}


class Distrusted(AssertionError):
    """What the card shows is not what its issuer has made, or it does not have the key."""


def tlv(tag, value):
    return bytes.fromhex(tag) + ber_length(len(value)) + value


def read_tlvs(octets):
    """[(tag in hexadecimal, value, whole)] of BER-TLV data objects; tags of one or two octets."""
    found, at = [], 0
    while at < len(octets):
        start = at
        at += 2 if octets[at] & 0x1F == 0x1F else 1
        tag = octets[start:at].hex().upper()
        length = octets[at]
        at += 1
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(octets[at:at + size], "big")
            at += size
        assert at + length <= len(octets), f"{tag} is longer than what it stands in"
        found.append((tag, octets[at:at + length], octets[start:at + length]))
        at += length
    return found


def read_tlv(octets, tag):
    """The value of the one data object that the octets are."""
    (found, value, whole), *others = read_tlvs(octets)
    assert found == tag and not others, octets.hex()
    return value


def point_of(key):
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def digest(algorithm, octets):
    run = hashes.Hash(algorithm)
    run.update(octets)
    return run.finalize()


class Signer:
    """The issuer's content signing key, with a certificate that says so."""

    def __init__(self, suite):
        self.suite = suite
        self.key = ec.generate_private_key(suite.curve)
        now = datetime.datetime.now(datetime.timezone.utc)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Trust content signer")])
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number(),
                                          now - datetime.timedelta(days=1), now + datetime.timedelta(days=30))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        self.certificate = builder.sign(self.key, suite.digest)

    def object(self):
        """The content of 5FC122, secure messaging certificate signer (Part 1, appendix A)."""
        return tlv("70", self.certificate.public_bytes(Encoding.DER)) + bytes.fromhex("710100FE00")

    def card_verifiable(self, point, guid):
        """4.1.5: the certificate of a card's key, signed by this signer."""
        suite = self.suite
        key = tlv("7F49", tlv("06", suite.curve_oid) + tlv("86", point))
        body = tlv("5F29", b"\x80") + tlv("42", issuer_number(self.certificate)) + tlv("5F20", guid) + key + tlv("5F4C", b"\0")
        signature = self.key.sign(body, ec.ECDSA(suite.digest))
        signed = tlv("30", tlv("30", tlv("06", suite.signature_oid)) + tlv("03", b"\0" + signature))
        return tlv("7F21", body + tlv("5F37", signed))


def issuer_number(certificate):
    """The first eight octets of the signer's subject key identifier."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest[:8]


def trusted_key(suite, octets, signer):
    """The key that a card verifiable certificate is about. `Distrusted` unless the signer's certificate is behind it."""
    parts = read_tlvs(read_tlv(octets, "7F21"))
    if [tag for tag, _, _ in parts] != ["5F29", "42", "5F20", "7F49", "5F4C", "5F37"]:
        raise Distrusted("the certificate has other parts than it should have")
    profile, issuer, _, key, role, signed = (value for _, value, _ in parts)
    if (profile, issuer, role) != (b"\x80", issuer_number(signer), b"\0"):
        raise Distrusted("the certificate is of another profile, role or issuer")
    (_, algorithm, _), (_, bits, _) = read_tlvs(read_tlv(signed, "30"))
    if read_tlv(algorithm, "06") != suite.signature_oid:
        raise Distrusted("the certificate is signed in another way")
    body = b"".join(whole for _, _, whole in parts[:-1])
    try:
        signer.public_key().verify(bits[1:], body, ec.ECDSA(suite.digest))
    except Exception as error:
        raise Distrusted("the certificate's signature is not the signer's") from error
    (_, curve, _), (_, point, _) = read_tlvs(key)
    if curve != suite.curve_oid:
        raise Distrusted("the certificate is about a key of another curve")
    return ec.EllipticCurvePublicKey.from_encoded_point(suite.curve, point)


class Refused(AssertionError):
    """The card answered GENERAL AUTHENTICATE with another status word than 9000."""

    def __init__(self, word):
        super().__init__(f"GENERAL AUTHENTICATE: {word}")
        self.word = word


class Messaging:
    """One session. `transmit`: command in hexadecimal to (data, status word) in hexadecimal."""

    def __init__(self, transmit, suite, signer):
        self._transmit, self.suite, self._signer = transmit, suite, signer

    # -- key establishment (4.1) -----------------------------------------------------------------------------------

    def request(self, ephemeral, host_id):
        """The data field of GENERAL AUTHENTICATE."""
        return tlv("7C", tlv("81", b"\0" + host_id + point_of(ephemeral.public_key())) + tlv("82", b""))

    def establish(self):
        ephemeral, host_id = ec.generate_private_key(self.suite.curve), os.urandom(8)
        data = self.request(ephemeral, host_id)
        answer, word = self._whole(f"0087{self.suite.id:02X}04{len(data):02X}{data.hex()}00")
        if word != "9000":
            raise Refused(word)
        value = read_tlv(read_tlv(answer, "7C"), "82")
        nonce_end = 1 + self.suite.nonce
        control, nonce, cryptogram = value[:1], value[1:nonce_end], value[nonce_end:nonce_end + 16]
        self.certificate = value[nonce_end + 16:]
        assert control == b"\0", "the card wishes to keep the keys"
        shared = ephemeral.exchange(ec.ECDH(), trusted_key(self.suite, self.certificate, self._signer))
        self._take_keys(shared, host_id, point_of(ephemeral.public_key()), nonce, cryptogram)
        return self

    def _take_keys(self, shared, host_id, point, nonce, cryptogram):
        card_id = digest(hashes.SHA256(), self.certificate)[:8]
        info = bytes([4]) + bytes([self.suite.label]) * 4
        for part in (host_id, b"\0", point[1:17], card_id, nonce, b"\0"):
            info += bytes([len(part)]) + part
        material, counter, size = b"", 0, self.suite.key
        while len(material) < 4 * size:
            counter += 1
            material += digest(self.suite.digest, counter.to_bytes(4, "big") + shared + info)
        confirm, self._mac, self._enc, self._rmac = (material[n * size:(n + 1) * size] for n in range(4))
        if cryptogram != cmac(confirm, b"KC_1_V" + card_id + host_id + point[1:]):
            raise Distrusted("the card does not have the key that its certificate is about")
        self._chain = self._response_chain = bytes(16)
        self._counter = 0

    # -- commands and responses (4.2) --------------------------------------------------------------------------------

    def _initial(self, response=False):
        return ecb(self._enc, bytes([0x80 if response else 0]) + self._counter.to_bytes(15, "big"))

    def protect(self, header, data="", expected="00"):
        """The data field of a command (`header`: INS P1 P2): 87, 97 and 8E."""
        data = bytes.fromhex(data)
        self._counter += 1
        body = tlv("87", b"\x01" + cbc(self._enc, self._initial(), pad(data))) if data else b""
        if expected:
            body += tlv("97", bytes.fromhex(expected))
        self._chain = cmac(self._mac, self._chain + pad(bytes.fromhex("0C" + header)) + body)
        return body + tlv("8E", self._chain[:8])

    def wrap(self, header, data="", expected="00"):
        """The commands that go over the wire: one, or a chain. Protected first, cut then (4.2.6)."""
        return in_parts(header, self.protect(header, data, expected))

    def unwrap(self, answer, word):
        """(data, status word) from inside; an answer that is not protected comes as it is."""
        if word != "9000":
            assert not answer, answer.hex()
            return "", word
        objects = {tag: (value, whole) for tag, value, whole in read_tlvs(answer)}
        assert list(objects) in (["87", "99", "8E"], ["99", "8E"]), answer.hex()
        before = b"".join(whole for tag, (_, whole) in objects.items() if tag != "8E")
        self._response_chain = cmac(self._rmac, self._response_chain + before)
        assert objects["8E"][0] == self._response_chain[:8], "the answer's MAC is wrong"
        data = b""
        if "87" in objects:
            hidden = objects["87"][0]
            assert hidden[0] == 1, "the answer is filled up in another way"
            data = unpad(cbc(self._enc, self._initial(response=True), hidden[1:], decrypt=True))
        return data.hex().upper(), objects["99"][0].hex().upper()

    def send(self, header, data="", expected="00"):
        *parts, last = self.wrap(header, data, expected)
        for part in parts:
            assert self._transmit(part) == ("", "9000"), "a part of a chain"
        return self.unwrap(*self._whole(last))

    def _whole(self, command):
        """The answer with its pieces put together (GET RESPONSE goes plain)."""
        data, word = self._transmit(command)
        while word[:2] == "61":
            more, word = self._transmit("00C00000" + word[2:])
            data += more
        return bytes.fromhex(data), word


def in_parts(header, field):
    """A protected data field as short commands: class 1C, and 0C for the last."""
    cut = [field[at:at + SHORT] for at in range(0, len(field), SHORT)] or [b""]
    classes = ["1C"] * (len(cut) - 1) + ["0C"]
    return [f"{cla}{header}{len(part):02X}{part.hex()}" + ("00" if cla == "0C" else "") for cla, part in zip(classes, cut)]
