"""The host's end of GlobalPlatform's SCP03 and the making of card keys, from the specifications, over python3-cryptography.

    keys = diversified(master, kdd)                    # ENC, MAC, DEK
    channel = Scp03(connection.transmit, keys)
    channel.open(level=0x33)                           # INITIALIZE UPDATE, EXTERNAL AUTHENTICATE
    channel.send("80F28002024F00")                     # (data, status word), wrapped and unwrapped
"""

import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

C_MAC, C_DEC, R_MAC, R_ENC = 0x01, 0x02, 0x10, 0x20


def cmac(key, message):
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def ecb(key, block):
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return cipher.update(block) + cipher.finalize()


def cbc(key, iv, data, decrypt=False):
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    run = cipher.decryptor() if decrypt else cipher.encryptor()
    return run.update(data) + run.finalize()


def pad(data, block=16):
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(data):
    stripped = data.rstrip(b"\0")
    assert stripped.endswith(b"\x80"), "the padding is wrong"
    return stripped[:-1]


def check_value(key):
    """Amendment D, 4.1.4."""
    return ecb(key, b"\x01" * 16)[:3]


def derive(key, constant, context, octets):
    """Amendment D, 4.1.5: SP 800-108 in counter mode with CMAC."""
    out, counter = b"", 0
    while len(out) < octets:
        counter += 1
        out += cmac(key, bytes(11) + bytes([constant, 0]) + (8 * octets).to_bytes(2, "big") + bytes([counter]) + context)
    return out[:octets]


def diversified(master, kdd):
    """"KDF3": counter, 00 00 00, key identifier, 00, diversification data; as GlobalPlatformPro has it."""
    def key(identifier):
        out, counter = b"", 0
        while len(out) < len(master):
            counter += 1
            out += cmac(master, bytes([counter, 0, 0, 0, identifier, 0]) + kdd)
        return out[:len(master)]

    return tuple(key(identifier) for identifier in (1, 2, 3))


class Refused(AssertionError):
    """The card answered with another status word than 9000."""

    def __init__(self, command, word):
        super().__init__(f"{command}: {word}")
        self.word = word


class Scp03:
    """One channel. `transmit`: command in hexadecimal to (data, status word) in hexadecimal."""

    def __init__(self, transmit, keys, version=0, aid="A000000151000000"):
        self._transmit, self._keys, self._version, self._aid = transmit, keys, version, bytes.fromhex(aid)
        self.sequence = self.kdd = None

    def initialize(self, host_challenge=None):
        """INITIALIZE UPDATE; checks the card's cryptogram."""
        self.host = host_challenge or os.urandom(8)
        data, word = self._transmit(f"8050{self._version:02X}0008{self.host.hex()}00")
        if word != "9000":
            raise Refused("INITIALIZE UPDATE", word)
        answer = bytes.fromhex(data)
        self.kdd, self.version, protocol, self.options = answer[:10], answer[10], answer[11], answer[12]
        assert protocol == 3, answer.hex()
        self.card, cryptogram = answer[13:21], answer[21:29]
        self.sequence = int.from_bytes(answer[29:32], "big") if self.options & 0x10 else None
        enc, mac, _ = self._keys(self.kdd) if callable(self._keys) else self._keys
        context, size = self.host + self.card, len(enc)
        self._enc, self._mac, self._rmac = derive(enc, 4, context, size), derive(mac, 6, context, size), derive(mac, 7, context, size)
        if self.options & 0x10:
            assert self.card == derive(enc, 2, answer[29:32] + self._aid, 8), "the challenge does not follow from the counter"
        assert cryptogram == derive(self._mac, 0, context, 8), "the card does not have these keys"
        self._chain, self._counter, self._level = bytes(16), 0, C_MAC
        return self

    def authenticate(self, level=0x33, cryptogram=None, mac=None):
        """EXTERNAL AUTHENTICATE; the status word."""
        proof = cryptogram or derive(self._mac, 1, self.host + self.card, 8)
        command = bytes([0x84, 0x82, level, 0x00, 0x10]) + proof
        self._chain = cmac(self._mac, self._chain + command)
        _, word = self._transmit((command + (mac or self._chain[:8])).hex())
        self._level = level
        return word

    def open(self, level=0x33):
        self.initialize()
        word = self.authenticate(level)
        if word != "9000":
            raise Refused("EXTERNAL AUTHENTICATE", word)
        return self

    def wrap(self, apdu):
        """A short command (hexadecimal, with or without Le) as it goes over the wire."""
        octets = bytes.fromhex(apdu)
        header, body = octets[:4], octets[5:5 + octets[4]] if len(octets) > 5 else b""
        if self._level & C_DEC:
            self._counter += 1
            if body:
                body = cbc(self._enc, ecb(self._enc, self._counter.to_bytes(16, "big")), pad(body))
        if not self._level & C_MAC:
            return apdu
        start = bytes([header[0] | 0x04]) + header[1:] + bytes([len(body) + 8])
        self._chain = cmac(self._mac, self._chain + start + body)
        return (start + body + self._chain[:8]).hex() + "00"

    def unwrap(self, data, word):
        data = bytes.fromhex(data)
        if not self._level & R_MAC or word not in ("9000",) and word[:2] not in ("62", "63"):
            return data.hex().upper(), word
        body, mac = data[:-8], data[-8:]
        assert mac == cmac(self._rmac, self._chain + body + bytes.fromhex(word))[:8], "the answer's MAC is wrong"
        if self._level & R_ENC and body:
            iv = ecb(self._enc, b"\x80" + self._counter.to_bytes(15, "big"))
            body = unpad(cbc(self._enc, iv, body, decrypt=True))
        return body.hex().upper(), word

    def send(self, apdu):
        return self.unwrap(*self._transmit(self.wrap(apdu)))

    def put_key(self, replaced, version, keys):
        """PUT KEY with three AES keys; the status word and the answer."""
        dek = (self._keys(self.kdd) if callable(self._keys) else self._keys)[2]
        data = bytes([version])
        for key in keys:
            sealed = cbc(dek, bytes(16), key + bytes(-len(key) % 16))
            data += bytes([0x88, len(sealed) + 1, len(key)]) + sealed + b"\x03" + check_value(key)
        return self.send(f"80D8{replaced:02X}81{len(data):02X}{data.hex()}00")
