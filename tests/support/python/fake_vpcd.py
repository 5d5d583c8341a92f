"""A slot of vsmartcard's vpcd, as a test plays it: it listens, takes the card that connects, and says what it likes.

    slot = FakeVpcd()
    with slot.served() as card:      # a connection whose card has told its ATR
        say(card, bytes.fromhex("00A40400"))
        assert hear(card) == b"\\x90\\x00"
"""

import contextlib
import socket
import struct


class FakeVpcd:
    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.port = self._listener.getsockname()[1]

    def take(self):
        card, _ = self._listener.accept()
        card.settimeout(30)
        return card

    def served(self):
        card = self.take()
        say(card, b"\x04")
        assert hear(card)[:1] == b"\x3b"
        return card

    @contextlib.contextmanager
    def with_little_room(self):
        """Connections that are made meanwhile hold next to nothing that is not read. (Taken away later, room that was promised already loses
        what is sent into it, acknowledgements included.)"""
        usual = self._listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            yield
        finally:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, usual // 2)  # the kernel doubles it

    def turn_away(self):
        """Whoever is on the way."""
        self._listener.settimeout(0)
        try:
            while True:
                self._listener.accept()[0].close()
        except BlockingIOError:
            self._listener.settimeout(30)

    def close(self):
        self._listener.close()


def say(card, payload):
    card.sendall(struct.pack(">H", len(payload)) + payload)


def hear(card):
    """The next answer, or None when the card has closed the connection."""
    length = _read(card, 2)
    return None if length is None else _read(card, struct.unpack(">H", length)[0])


def _read(card, size):
    out = b""
    while len(out) < size:
        try:
            piece = card.recv(size - len(out))
        except ConnectionResetError:
            return None
        if not piece:
            return None
        out += piece
    return out
