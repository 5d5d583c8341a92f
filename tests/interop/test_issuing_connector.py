"""A registration authority without pcscd: blank cards on demand, written through libcardea-winscard.so by an unmodified management system."""

import csv
import json
import os
import subprocess

import pytest
from cardea_stack import READER, ROOT, CliError, Stack, running
from issuing import PIN, PUK, Issue
from processes import wait_until

PLAN = ROOT / "cms-connector" / "perso" / "plans" / "piv-p256.json"


@pytest.fixture(scope="module")
def office(scratch, opensc_conf):
    """A registrar's workstation whose agent is the resource manager."""
    with running(Stack(scratch / "office", readers="connector")) as started:
        yield started


@pytest.fixture
def cms(office, tmp_path):
    """`cardea-cms VERB` for one person, with an authority of its own; the words, to be run or started."""
    for name, value in {"pin": PIN, "puk": PUK, "key": os.urandom(24).hex()}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
    subprocess.run([office.bin / "cardea-cms", "ca", "init", tmp_path / "ca"], check=True, capture_output=True, timeout=60)

    def words(verb, login, *more):
        return [str(word) for word in [
            office.bin / "cardea-cms", verb, "--state", tmp_path / f"{login}.json", "--reader", READER, "--execute", "--json",
            "--pin-file", tmp_path / "pin", "--puk-file", tmp_path / "puk", "--management-key-file", tmp_path / "key",
            "--ca", tmp_path / "ca", *more]]

    return words


def person(name, login):
    return ["--plan", PLAN, "--subject", f"CN={name},O=Example Trust", "--upn", f"{login}@corp.example", "--email", f"{login}@example.org"]


def run(office, words):
    done = subprocess.run(words, env={**os.environ, **office.connector_env()}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_one_card_after_the_other(office, cms):
    """[D1] [A2] [A3] Each card is finished when the management system lets go of it; the server knows the holder from the certificates."""
    people = [("Ada Example", "ada"), ("Zoë Example", "zoe"), ("Bob Example", "bob")]
    with Issue(office, "--profile", "piv-yubikey5", "--count", "3", "--on-release") as issue:
        for name, login in people:
            shown = issue.presented()
            assert (shown["state"], shown["resumed"]) == ("blank", False)
            issued = run(office, cms("issue", login, *person(name, login)))
            assert issued["result"] == "issued" and sorted(issued["slots"]) == ["9A", "9C", "9D", "9E"]
            done = issue.wait_for("issued")
            assert (done["card"], done["holder"], done["state"]) == (shown["card"], name, "issued")
            assert [one["slot"] for one in done["certificates"]] == ["9A", "9C", "9D", "9E"]
        assert issue.end() == (0, "")
    assert office.cli("card", "list", "--org", office.organisation, "--state", "blank") == []
    office.wait_for_card(present=False)


def test_broken_off_and_resumed(office, cms, tmp_path):
    """[D1] [A2] The management system is killed when it has a certificate; nobody can use that card; the same one comes back and is finished."""
    with Issue(office, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        program = subprocess.Popen(cms("issue", "ida", *person("Ida Example", "ida")), env={**os.environ, **office.connector_env()},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        record = tmp_path / "ida.json"
        wait_until(lambda: record.exists() and '"certificate": "' in record.read_text(encoding="utf-8"), 60, "a certificate came")
        program.kill()
        assert program.wait(10) == -9, "it was done before it was killed"
        issue.interrupt()
        assert issue.wait_for("left")["state"] == "issuing"
        assert issue.end()[0] == 4
    office.wait_for_card(present=False)
    with pytest.raises(CliError, match="the card is not issued yet: finish it first"):
        office.cli("card", "activate", card)
    with Issue(office, "--resume", "--on-release") as issue:
        shown = issue.presented()
        assert (shown["card"], shown["state"], shown["resumed"]) == (card, "issuing", True)
        assert run(office, cms("resume", "ida"))["result"] == "issued"
        done = issue.wait_for("issued")
        assert (done["card"], done["holder"]) == (card, "Ida Example")
        assert issue.end()[0] == 0


def test_a_table_of_people_and_the_agent_killed(office, tmp_path):
    """[A2] [D1] With the agent goes the resource manager: the batch waits for both and everybody has one whole card."""
    with open(tmp_path / "people.csv", "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "cn", "upn"])
        rows.writerows([number, f"Eve Example no. {number}", f"eve{number}@corp.example"] for number in range(4))
    subprocess.run([office.bin / "cardea-cms", "ca", "init", tmp_path / "ca"], check=True, capture_output=True, timeout=60)
    record = tmp_path / "out" / "batch.json"

    def done():
        return sum(person["stage"] == "done" for person in json.loads(record.read_text(encoding="utf-8"))["people"]) if record.exists() else 0

    with Issue(office, "--profile", "piv-yubikey5", "--count", "4", "--on-release") as issue:
        batch = subprocess.Popen([str(word) for word in [
            office.bin / "cardea-cms", "batch", "--csv", tmp_path / "people.csv", "--plan", PLAN, "--out", tmp_path / "out", "--reader", READER,
            "--ca", tmp_path / "ca", "--wait", "120", "--execute", "--json"]], env={**os.environ, **office.connector_env()},
            stdout=open(tmp_path / "log", "w", encoding="utf-8"), stderr=subprocess.STDOUT)
        try:
            for number in range(2):
                wait_until(lambda n=number: batch.poll() is not None or done() > n, 60, "a card is done")
                office.agent.kill()
                office.start_agent()
            # Between two cards, too: 'issue' asks for the next one as soon as it has told of this.
            while [event["number"] for event in issue.seen if event["event"] == "issued"][-1:] != [3]:
                issue.wait_for("issued")
            office.agent.kill()
            office.start_agent()
            status = batch.wait(120)
        finally:
            batch.kill()
        assert status == 0, (tmp_path / "log").read_text(encoding="utf-8")
        assert issue.end()[0] == 0
    people = json.loads(record.read_text(encoding="utf-8"))["people"]
    assert [person["stage"] for person in people] == ["done"] * 4 and len({person["guid"] for person in people}) == 4
    # Told once more where the agent that would know of it is gone, and said to be.
    finished = [event["holder"] for event in issue.seen if event["event"] == "issued" and not event["repeated"]]
    assert sorted(finished) == [f"Eve Example no. {number}" for number in range(4)]
