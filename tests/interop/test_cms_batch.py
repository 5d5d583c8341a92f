"""cardea-cms issues one card after another over the whole of Cardea, and is killed in between."""

import csv
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from cardea_stack import READER, ROOT, Card
from processes import Child, wait_until

PLANS = ROOT / "cms-connector" / "perso" / "plans"
CARDS = int(os.environ.get("CARDEA_BATCH_CARDS", "12"))
KILLS = int(os.environ.get("CARDEA_BATCH_KILLS", "4"))
AGENT_KILLS = int(os.environ.get("CARDEA_BATCH_AGENT_KILLS", "3"))

# Stands for whoever fills the reader: takes the finished card out and puts the next one in. An agent that does not run
# (exit code 3) is one that starts anew.
FEEDER = """
import fcntl, json, os, pathlib, subprocess, sys
def call(*words):
    done = subprocess.run([*agent, *words], check=False, capture_output=True)
    if done.returncode == 3:
        sys.exit(os.EX_TEMPFAIL)
    return done.returncode
queue, agent, reason = pathlib.Path({queue!r}), {agent!r}, os.environ["CARDEA_REASON"]
with open(str(queue) + ".lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    ids = queue.read_text().split()
    if reason in ("issued", "refused", "failed"):
        call("eject", ids[0])
        ids = ids[1:]
    status = call("insert", ids[0]) if ids else 1
    pathlib.Path(str(queue) + ".new").write_text("\\n".join(ids))
    os.replace(str(queue) + ".new", queue)
    sys.exit(status)
"""


class Office:
    """A table of people, a box of blank cards, an authority."""

    def __init__(self, stack, tool, directory):
        self.stack, self.tool, self.directory = stack, tool, directory
        self.out, self.ca, self.table, self.queue = (directory / name for name in ("out", "ca", "people.csv", "queue"))
        self.cards = []
        tool(stack.bin / "cardea-cms", "ca", "init", self.ca)
        feeder = directory / "feeder.py"
        feeder.write_text(FEEDER.format(queue=str(self.queue), agent=[str(stack.bin / "cardea-agent"), "--state-dir", str(stack.agent_state)]),
                          encoding="utf-8")
        self.feed = f"exec {sys.executable} {feeder}"

    def prepare(self, people, spare=0, profile="piv-yubikey5"):
        self.cards = [self.stack.new_card(profile, insert=False) for _ in range(people + spare)]
        self.queue.write_text("\n".join(card.id for card in self.cards), encoding="utf-8")
        with open(self.table, "w", encoding="utf-8-sig", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["id", "cn", "o", "upn", "email"])
            for number in range(people):
                rows.writerow([number, f"Ada Example, no. {number}", "Example Trust", f"ada{number}@corp.example", f"ada{number}@example.org"])
        return self

    def words(self, *more, resume=False, authority=None, feed=None):
        begin = ["--resume", self.out / "batch.json"] if resume else \
            ["--csv", self.table, "--plan", PLANS / "piv-p256.json", "--out", self.out, "--reader", READER]
        words = [self.stack.bin / "cardea-cms", "batch", *begin, *(authority or ["--ca", self.ca]), "--next-card-command", feed or self.feed,
                 "--wait", "120", "--execute", "--json", *more]
        return [str(word) for word in words]

    def run(self, *more, status=0, **how):
        done = self.tool(*self.words(*more, **how), status=status, timeout=600)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def record(self):
        return json.loads((self.out / "batch.json").read_text(encoding="utf-8"))["people"]

    def empty_reader(self):
        for card in self.cards:
            self.stack.agent_cli("eject", card.id, check=False)
        self.stack.wait_for_card(present=False)

    def put_away(self):
        self.empty_reader()
        for card in self.cards:
            self.stack.cli("card", "delete", card.id, "--execute")

    def look_at(self, card):
        """(GUID, serial numbers of the certificates by slot) of a card at rest, read by yubico-piv-tool; None where it is blank."""
        card.insert()
        status = self.tool("yubico-piv-tool", "-r", READER, "-a", "status").stdout
        chuid = next(line for line in status.splitlines() if line.startswith("CHUID:")).split("\t", 1)[1]
        certificates = {}
        for slot in ("9a", "9c", "9d", "9e"):
            path = self.directory / f"{slot}.pem"
            read = subprocess.run(["yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", slot, "-o", path], capture_output=True, check=False)
            if read.returncode == 0:
                text = self.tool("openssl", "x509", "-in", path, "-noout", "-serial").stdout
                certificates[slot.upper()] = text.strip().split("=")[1]
        card.eject()
        return (chuid[58:90].upper() if "No data" not in chuid else None), certificates

    def check_everybody_has_one(self):
        """As many whole cards as people, each as its record says; every other card is blank."""
        people = self.record()
        assert [person["stage"] for person in people] == ["done"] * len(people)
        by_guid = {person["guid"]: person for person in people}
        assert len(by_guid) == len(people), "a card was issued twice"
        whole = set()
        self.empty_reader()
        for card in self.cards:
            guid, certificates = self.look_at(card)
            if guid is None:
                assert certificates == {}, "half a card"
                continue
            assert certificates == by_guid[guid]["certificates"], "half a card"
            assert sorted(certificates) == ["9A", "9C", "9D", "9E"]
            whole.add(guid)
        assert whole == set(by_guid)


@pytest.fixture
def office(stack, tool, tmp_path):
    made = Office(stack, tool, tmp_path)
    yield made
    made.put_away()


def test_a_table_of_people(office):
    """[A2] [A3] Three people, three cards; PINs in files that only their owner reads; the cards open with them."""
    events = office.prepare(3, spare=1).run()
    assert [event["event"] for event in events if event["event"] != "remark"] == ["begun", "issued"] * 3 + ["summary"]
    assert events[-1]["result"] == "issued" and events[-1]["done"] == 3
    office.check_everybody_has_one()
    for person in office.record():
        secrets = office.out / "secrets" / f"{person['guid']}.secrets"
        assert secrets.stat().st_mode & 0o777 == 0o600
    last = office.record()[-1]
    pin = (office.out / "secrets" / f"{last['guid']}.secrets").read_text().split()[1]
    office.empty_reader()
    office.cards[2].insert()
    office.tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", pin)
    certificate = office.tool("openssl", "x509", "-in", office.ca / "certs" / f"{last['certificates']['9A']}.pem", "-noout", "-subject").stdout
    assert "Ada Example, no. 2" in certificate


def test_sealed_secrets(office, tool, tmp_path):
    """[B9] With --seal-to the secrets leave this host enciphered for a certificate's holder: RSA or EC, opened by OpenSSL."""
    office.prepare(2)
    for name, kind in (("rsa", "rsa:2048"), ("ec", "ec")):
        more = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        tool("openssl", "req", "-x509", "-newkey", kind, *more, "-nodes", "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem",
             "-subj", f"/CN=safe {name}", "-days", "2")
    office.run("--seal-to", tmp_path / "rsa.pem", "--seal-to", tmp_path / "ec.pem")
    office.empty_reader()
    for card, person in zip(office.cards, office.record()):
        assert not (office.out / "secrets" / f"{person['guid']}.secrets").exists()
        for name in ("rsa", "ec"):
            opened = tool("openssl", "cms", "-decrypt", "-inform", "PEM", "-in", office.out / "secrets" / f"{person['guid']}.p7m",
                          "-inkey", tmp_path / f"{name}.key", "-recip", tmp_path / f"{name}.pem").stdout
            assert opened.startswith("pin: ") and "\nmanagement-key: " in opened
        card.insert()
        tool("yubico-piv-tool", "-r", READER, "-a", "verify-pin", "-P", opened.split()[1])
        card.eject()


def test_table_with_mistakes(office):
    """[A2] Every mistake of the table is named, with line and column, and no card is touched."""
    office.prepare(1)
    office.table.write_text("cn,upn\nAda,ada@corp.example\nBen,ben\n,c@corp.example\n", encoding="utf-8")
    refused = office.tool(*office.words(), status=2)
    assert 'line 3, column 2 (upn): "ben" is not of the form somebody@somewhere\n  line 4, column 1 (cn): it is empty' in refused.stderr
    assert not office.out.exists()
    office.table.write_text("cn,pin\nAda,123456\n", encoding="utf-8")
    assert "secrets do not belong in a table" in office.tool(*office.words(), status=2).stderr


def test_dry_run_and_a_second_batch_in_one_directory(office):
    """[A2] Without --execute nothing happens; one directory has one batch, and one program at work on it."""
    office.prepare(1)
    said = office.tool(*[word for word in office.words() if word not in ("--execute", "--json")]).stdout
    assert "would issue  CN=Ada Example\\, no. 0,O=Example Trust" in said and "Add --execute to do it" in said
    assert not office.out.exists()
    office.run()
    assert "is the record of another batch" in office.tool(*office.words(), status=2).stderr
    with open(office.out / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another program is at work on this" in office.tool(*office.words(resume=True), status=2).stderr


def test_authority_fails_in_the_middle(office):
    """[A2] Exit code 4; with --keep-going the others get theirs and the exit code is 6; --retry-failed finishes the card that was begun."""
    office.prepare(3)
    sign = f"openssl x509 -req -CA {office.ca}/ca.pem -CAkey {office.ca}/ca.key -CAcreateserial -days 5"
    broken = ["--ca-command", f"case $CARDEA_SUBJECT,$CARDEA_SLOT in *no.\\ 1,*9D) exit 3 ;; esac; exec {sign}"]
    events = office.run("--keep-going", authority=broken, status=6)
    assert [(event["done"], event["failed"]) for event in events[-1:]] == [(2, 1)]
    failed = office.record()[1]
    assert failed["stage"] == "failed" and failed["reason"] == "the CA command ended with exit code 3"
    office.queue.write_text(office.cards[1].id, encoding="utf-8")
    office.empty_reader()
    events = office.run("--retry-failed", resume=True)
    assert "resumed" in [event["event"] for event in events]
    office.check_everybody_has_one()


def test_card_of_somebody_else_and_no_more_cards(office):
    """[A2] A card that is issued already is passed over; when the box is empty the exit code is 3 and the record says who is left."""
    office.prepare(2)
    office.run()
    first = office.out
    office.out = office.directory / "second"
    office.queue.write_text("\n".join(card.id for card in office.cards), encoding="utf-8")
    office.empty_reader()
    events = office.run(status=3)
    assert sum("and not by this batch" in event.get("what", "") for event in events) == 2
    assert events[-1]["error"] == "the next-card command ended with exit code 1: no further card" and events[-1]["left"] == 2
    office.out = first


def test_called_again_until_a_card_comes(office):
    """[A2] Exit code 75 of the next-card command asks for another call; when the time is over the batch ends with exit code 3 and says so."""
    office.prepare(1)
    calls = office.directory / "calls"
    again = f"echo again >> {calls}; test $(wc -l < {calls}) -ge 3 || exit 75; {office.feed}"
    words = office.words(feed="exit 75")
    words[words.index("--wait") + 1] = "1"
    done = office.tool(*words, status=3, timeout=60)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["error"] == "for 1 s the next-card command had no card and asked to be called again" and said["left"] == 1
    events = [json.loads(line) for line in office.tool(*office.words(resume=True, feed=again), timeout=120).stdout.splitlines()]
    assert events[-1]["result"] == "issued" and calls.read_text().splitlines() == ["again"] * 3
    office.check_everybody_has_one()


def test_killed_again_and_again(office):
    """[A2] kill -9 of cardea-cms at random moments: in the end everybody has one whole card, and no other card was touched."""
    dice = random.Random(4711)
    office.prepare(CARDS, spare=2)

    def has_begun():
        return (office.out / "batch.json").exists()

    def done():
        return sum(person["stage"] == "done" for person in office.record()) if has_begun() else 0

    for kill in range(KILLS):
        with open(office.directory / "log", "w", encoding="utf-8") as out:
            process = subprocess.Popen(office.words(resume=has_begun()), stdout=out, stderr=out)
        # Spread over the batch, and anywhere in the work on one card.
        wait_until(lambda so_many=kill * CARDS // KILLS: process.poll() is not None or done() >= so_many, 60, "cards are done")
        time.sleep(dice.uniform(0, 1))
        process.kill()
        assert process.wait() == -signal.SIGKILL, (office.directory / "log").read_text(encoding="utf-8")
    office.run(resume=has_begun())
    office.check_everybody_has_one()


def restart_agent(stack):
    stack.agent.kill()
    stack.start_agent()


def restart_pcscd(stack):
    stack.pcscd.kill()
    stack.start_pcscd()


@pytest.mark.parametrize("restart", [restart_agent, restart_pcscd])
def test_killed_on_the_way(office, restart):
    """[A2] Agent or pcscd is killed while cards are issued: the card is gone for a while, comes back, and is finished."""
    office.prepare(max(3, CARDS // 4))
    log = office.directory / "log"
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(office.words(), stdout=out, stderr=out)
    killed = 0
    try:
        for number in range(2):
            wait_until(lambda n=number: process.poll() is not None or (office.out / "batch.json").exists()
                       and sum(person["stage"] == "done" for person in office.record()) > n, 60, "a card is done")
            assert process.poll() is None, "it ended before it was done"
            restart(office.stack)
            killed += 1
        process.wait(250)
    finally:
        process.kill()
        print(log.read_text(encoding="utf-8"))
    assert killed == 2 and process.returncode == 0
    office.check_everybody_has_one()


def test_blank_cards_on_demand_and_the_agent_killed(office):
    """[A2] `cardea-agent issue` shows one blank card after the other, and is killed on the way: everybody has one whole card, none twice, none half.

    CARDEA_BATCH_CARDS=1000 CARDEA_BATCH_AGENT_KILLS=20 is the full size.
    """
    stack = office.stack
    agent = [stack.bin / "cardea-agent", "--state-dir", stack.agent_state]
    signal.alarm(120 + 30 * CARDS)
    before = {card["id"] for card in stack.cli("card", "list", "--org", stack.organisation)}
    office.prepare(CARDS)
    for card in office.cards:  # the agent asks for its own
        stack.cli("card", "delete", card.id, "--execute")
    office.cards = []
    log = office.directory / "log"
    issuing = Child("cardea-agent issue", [*agent, "issue", "--profile", "piv-yubikey5", "--count", CARDS, "--on-release", "--json"],
                    office.directory / "issue.log").start()
    words = office.words()
    at = words.index("--next-card-command")
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(words[:at] + words[at + 2:], stdout=out, stderr=out)
    try:
        for number in range(AGENT_KILLS):
            goal = (number + 1) * CARDS // (AGENT_KILLS + 1)
            wait_until(lambda g=goal: process.poll() is not None or ((office.out / "batch.json").exists()
                       and sum(person["stage"] == "done" for person in office.record()) >= g), 60 + 30 * CARDS, f"{goal} cards are done")
            stack.agent.kill()
            stack.start_agent()
        process.wait(60 + 30 * CARDS)
        issuing.wait(60)
    finally:
        process.kill()
        if issuing.running():
            issuing.kill()
        print(log.read_text(encoding="utf-8")[-5000:], issuing.text()[-3000:])
    assert process.returncode == 0
    people = office.record()
    assert [person["stage"] for person in people] == ["done"] * CARDS and len({person["guid"] for person in people}) == CARDS
    made = [card for card in stack.cli("card", "list", "--org", stack.organisation) if card["id"] not in before]
    office.cards = [Card(stack, card["id"], card["label"]) for card in made]
    assert len(made) == CARDS
    office.check_everybody_has_one()
