"""The host's end of GlobalPlatform's SCP02 (i = 15 and 55) and triple DES card keys, from the specifications.

    keys = visa2(master, kdd)                          # ENC, MAC, DEK, sixteen octets each
    channel = Scp02(connection.transmit, keys).open(level=0x03)
    channel.send("80F28002024F00")
"""

import os

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from scp03 import Refused, pad


def _run(key, mode, data):
    cipher = Cipher(TripleDES(key + key[:8] if len(key) == 16 else key * 3), mode).encryptor()
    return cipher.update(data) + cipher.finalize()


def ecb(key, data):
    return _run(key, modes.ECB(), data)


def cbc(key, data, iv=bytes(8)):
    return _run(key, modes.CBC(iv), data)


def check_value(key):
    """GP Card Specification 2.3.1, B.5."""
    return ecb(key, bytes(8))[:3]


def _diversified(master, six):
    return tuple(ecb(master, six + bytes([0xF0, k]) + six + bytes([0x0F, k])) for k in (1, 2, 3))


def visa2(master, kdd):
    return _diversified(master, kdd[0:2] + kdd[4:8])


def emv(master, kdd):
    return _diversified(master, kdd[4:10])


class Scp02:
    """One channel; `keys` may be a function of the diversification data."""

    def __init__(self, transmit, keys, version=0):
        self._transmit, self._keys, self._version = transmit, keys, version

    def initialize(self):
        host = os.urandom(8)
        data, word = self._transmit(f"8050{self._version:02X}0008{host.hex()}00")
        if word != "9000":
            raise Refused("INITIALIZE UPDATE", word)
        answer = bytes.fromhex(data)
        self.kdd, self.version, protocol = answer[:10], answer[10], answer[11]
        assert protocol == 2 and len(answer) == 28, answer.hex()
        sequence, card, cryptogram = answer[12:14], answer[14:20], answer[20:28]
        self.sequence = int.from_bytes(sequence, "big")
        enc, mac, _ = self._keys(self.kdd) if callable(self._keys) else self._keys
        # E.4.1: constant, counter, twelve zeroes.
        self._enc, self._mac = cbc(enc, b"\x01\x82" + sequence + bytes(12)), cbc(mac, b"\x01\x01" + sequence + bytes(12))
        assert cryptogram == cbc(self._enc, pad(host + sequence + card, 8))[-8:], "the card does not have these keys"
        self._proof = cbc(self._enc, pad(sequence + card + host, 8))[-8:]
        self._last, self._level = None, 0x01
        return self

    def _retail_mac(self, message):
        """E.4.4: single DES but for the last block; the initial value is the encrypted MAC of the command before."""
        iv = bytes(8) if self._last is None else ecb(self._mac[:8], self._last)
        blocks = pad(message, 8)
        if len(blocks) > 8:
            iv = cbc(self._mac[:8], blocks[:-8], iv)[-8:]
        self._last = cbc(self._mac, blocks[-8:], iv)
        return self._last

    def open(self, level=0x03):
        self.initialize()
        command = bytes([0x84, 0x82, level, 0x00, 0x10]) + self._proof
        _, word = self._transmit((command + self._retail_mac(command)).hex())
        if word != "9000":
            raise Refused("EXTERNAL AUTHENTICATE", word)
        self._level = level
        return self

    def wrap(self, apdu):
        octets = bytes.fromhex(apdu)
        header, body = octets[:4], octets[5:5 + octets[4]] if len(octets) > 5 else b""
        start = bytes([header[0] | 0x04]) + header[1:]
        mac = self._retail_mac(start + bytes([len(body) + 8]) + body)
        if self._level & 0x02 and body:
            body = cbc(self._enc, pad(body, 8))
        return (start + bytes([len(body) + 8]) + body + mac).hex() + "00"

    def send(self, apdu):
        return self._transmit(self.wrap(apdu))
