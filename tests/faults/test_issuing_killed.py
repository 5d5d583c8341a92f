"""kill -9 of agent and server while a registration authority issues: nothing is lost, and nobody gets two cards."""

import json
import os
import re
import subprocess
import threading
import time

import pytest
from cardea_stack import READER, ROOT
from issuing import Issue
from processes import wait_until

PLAN = ROOT / "cms-connector" / "perso" / "plans" / "piv-p256.json"


class Clerk:
    """Issues for one person after the other by cardea-cms, and resumes until it is done."""

    def __init__(self, stack, directory):
        self.stack, self.directory = stack, directory
        for name, value in {"pin": "471147", "puk": "31415926", "key": os.urandom(24).hex()}.items():
            (directory / name).touch(mode=0o600)
            (directory / name).write_text(value + "\n", encoding="utf-8")
        subprocess.run([stack.bin / "cardea-cms", "ca", "init", directory / "ca"], check=True, capture_output=True, timeout=60)

    def _run(self, verb, login, *more):
        words = [self.stack.bin / "cardea-cms", verb, "--reader", READER, "--state", self.directory / f"{login}.json", "--execute",
                 "--json", "--pin-file", self.directory / "pin", "--puk-file", self.directory / "puk", "--management-key-file",
                 self.directory / "key", "--ca", self.directory / "ca", *more]
        return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, check=False)

    def issue(self, login):
        done = self._run("issue", login, "--plan", PLAN, "--subject", f"CN={login},O=Example Trust", "--email", f"{login}@example.org")
        for _ in range(30):
            if done.returncode == 0:
                return
            assert done.returncode == status_of_a_lost_card(done.stderr), done.stdout + done.stderr
            self.stack.wait_for_card(present=True, timeout=60)
            # Where nothing had been begun there is nothing to resume.
            verb = "resume" if (self.directory / f"{login}.json").exists() else "issue"
            more = [] if verb == "resume" else ["--plan", PLAN, "--subject", f"CN={login},O=Example Trust", "--email", f"{login}@example.org"]
            done = self._run(verb, login, *more)
        raise AssertionError(done.stdout + done.stderr)


def status_of_a_lost_card(progress):
    """What cardea-cms ends with when the card is taken away: 3 before anything was done to it, 5 later."""
    steps = re.findall(r"^\[ *\d+/\d+\] (.*) … (.*)$", progress, re.M)
    return 3 if not steps or steps[-1] == ("select PIV", "failed") else 5


def states(stack):
    cards = stack.cli("card", "list", "--org", stack.organisation)
    return {card["id"]: (card["state"], card["holder_name"]) for card in cards}


@pytest.mark.parametrize("victim", ["agent", "server"])
def test_killed_while_people_wait(stack, dice, tmp_path, victim):
    """[D1] [A2] Each of four issuances meets one kill -9; `cardea-agent issue` goes on with the same card, and each person has one."""
    clerk = Clerk(stack, tmp_path)
    logins = [f"{victim}-{n}" for n in range(4)]

    def kill():
        time.sleep(dice.uniform(0.01, 1.5))
        if victim == "agent":
            stack.agent.kill()
            stack.start_agent()
        else:
            stack.server.kill()
            stack.start_server()

    with Issue(stack, "--profile", "piv-yubikey5", "--count", str(len(logins)), "--auto", "--idle", "0.5") as issue:
        for login in logins:
            card = issue.presented()["card"]
            killer = threading.Thread(target=kill)
            killer.start()
            clerk.issue(login)
            killer.join()
            done = issue.wait_for("issued", timeout=90)
            assert (done["card"], done["holder"]) == (card, login)
        assert issue.end()[0] == 0
    now = states(stack)
    assert sorted(holder for state, holder in now.values() if state == "issued" and holder in logins) == logins
    assert not [card for card, (state, _) in now.items() if state in ("blank", "issuing")]


def test_everything_killed_and_resumed(stack, tmp_path):
    """[D1] Agent, server and `issue` itself are killed with a half-issued card in the reader; --resume goes on with it."""
    clerk = Clerk(stack, tmp_path)
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        # The authority is where everything ends.
        ending = f"kill -9 {stack.agent.pid} {stack.server.pid} {issue.pid}; sleep 0.1; exit 1"
        broken = subprocess.run(
            [str(word) for word in [
                stack.bin / "cardea-cms", "issue", "--reader", READER, "--state", tmp_path / "last.json", "--execute", "--json", "--pin-file",
                tmp_path / "pin", "--puk-file", tmp_path / "puk", "--management-key-file", tmp_path / "key", "--plan", PLAN, "--ca-command",
                ending, "--subject", "CN=last,O=Example Trust", "--email", "last@example.org"]],
            capture_output=True, text=True, timeout=120, check=False)
        assert broken.returncode == 4, broken.stdout + broken.stderr  # the authority failed; the card is not asked for anything after that
    wait_until(lambda: not stack.agent.running() and not stack.server.running(), 20, "both are gone")
    stack.start_server()
    stack.start_agent()
    assert states(stack)[card] == ("issuing", "")
    with Issue(stack, "--resume", "--auto", "--idle", "0.5") as issue:
        shown = issue.presented()
        assert (shown["card"], shown["resumed"]) == (card, True)
        resumed = clerk._run("resume", "last")
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert json.loads(resumed.stdout)["result"] == "issued"
        assert issue.wait_for("issued")["holder"] == "last"
    assert states(stack)[card] == ("issued", "last")
