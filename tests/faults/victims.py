"""What the fault tests kill with kill -9, and how each comes back: the server, the agent, all signer workers."""

import os
import signal
import threading
import time
from dataclasses import dataclass

from faultlib import alive, signers
from processes import wait_until


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def pool_size(stack):
    """Workers that the server believes to be alive; those that are just starting do not count."""
    text = stack.https("/metrics").read().decode()
    return int(float(next(line.split()[1] for line in text.splitlines() if line.startswith("cardea_signers "))))


class Server:
    """cardead. The card leaves the reader and comes back by itself."""

    name, answers_on = "server", False

    def __init__(self, stack):
        self.stack = stack

    def aim(self):
        pass

    def kill(self):
        self.stack.server.kill()

    def restore(self, _card):
        self.stack.start_server()
        self.stack.wait_for_card(present=True, timeout=30)


class Agent:
    """cardea-agent. The card leaves the reader and is inserted again."""

    name, answers_on = "agent", False

    def __init__(self, stack):
        self.stack = stack

    def aim(self):
        pass

    def kill(self):
        self.stack.agent.kill()

    def restore(self, card):
        self.stack.wait_for_card(present=False)
        self.stack.start_agent()
        card.insert()


class Signers:
    """Every worker of the server. The card stays, and the server answers on."""

    name, answers_on = "signers", True

    def __init__(self, stack):
        self.stack = stack
        self._full = len(signers(stack.server.pid))
        self._aimed = []

    def aim(self):
        """Finding them takes longer than a command: it is done before the moment has come."""
        self._aimed = signers(self.stack.server.pid)

    def kill(self):
        kill_all(self._aimed)

    def restore(self, _card):
        wait_until(lambda: not any(map(alive, self._aimed)), 10, "the killed signers are gone")
        wait_until(lambda: pool_size(self.stack) == self._full, 20, "all signers are there again")


VICTIMS = {kind.name: kind for kind in (Server, Agent, Signers)}


@dataclass
class Kill:
    """One kill -9, `delay` seconds after it was asked for."""

    victim: object
    delay: float
    at: float = 0.0
    _thread: threading.Thread = None

    def start(self):
        self.victim.aim()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        time.sleep(self.delay)
        self.at = time.monotonic()
        self.victim.kill()

    def over(self):
        return not self._thread.is_alive()

    def join(self):
        """When it is over; the moment of the kill, or None when it was never asked for."""
        if self._thread is None:
            return None
        self._thread.join()
        return self.at
