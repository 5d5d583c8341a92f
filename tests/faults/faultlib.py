"""What the fault tests share: waiting for the card to come back, PIN counters, the processes below the server."""

import subprocess
import time
from pathlib import Path

from pcsc import Connection, PcscError

STATUS = "00200080"
# SCARD_W_REMOVED_CARD, SCARD_E_NO_SMARTCARD, SCARD_E_NOT_TRANSACTED, SCARD_W_RESET_CARD: what an application takes for a card
# that was pulled out.
REMOVED = ("0x80100069", "0x8010000C", "0x80100016", "0x80100068")


def connect_patiently(seconds=120):
    """A connection to the card as soon as the agent has put it back."""
    end = time.monotonic() + seconds
    while True:
        connection = None
        try:
            connection = Connection()
            connection.sw(STATUS)
            return connection
        except PcscError:
            if connection is not None:
                connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def tries_left(connection):
    sw = connection.sw(STATUS)
    return {"6983": 0, "9000": 3}.get(sw, int(sw[3], 16) if sw.startswith("63C") else None)


def _status(pid):
    """(name, state, parent) of a process, or None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    state, parent = text[text.rindex(")") + 2:].split()[:2]
    return name, state, int(parent)


def alive(pid):
    """Running or stopped; a zombie that waits for its parent is gone."""
    status = _status(pid)
    return status is not None and status[1] not in "ZX"


def asked(pids):
    """Whether a message to one of these processes lies unread in a socket of its own: what is asked of one that is stopped."""
    sockets = subprocess.run(["ss", "-xpnH"], capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return any(int(line.split()[2]) > 0 for line in sockets if any(f"pid={pid}," in line for pid in pids))


def signers(server_pid):
    """The signer workers of a server."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            status = _status(entry.name)
            if status and status[2] == server_pid and status[0] == "cardea-signer" and status[1] not in "ZX":
                found.append(int(entry.name))
    return found
