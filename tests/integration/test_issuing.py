"""A registration authority issues: `cardea-agent issue` shows blank cards, card management systems that know only PC/SC write them."""

import json
import os
import subprocess

import pytest
from cardea_stack import FACTORY_PIN, FACTORY_PUK, READER, ROOT, CliError
from issuing import PIN, PUK, Issue, change_management_key, change_pin, change_puk, enrol, enrol_user, self_sign, ykman
from processes import wait_until

PLAN = ROOT / "cms-connector" / "perso" / "plans" / "piv-p256.json"
PEOPLE = [("Ada Example", "ada"), ("Zoë Example", "zoe"), ("Example, Bob", "bob")]


@pytest.fixture(autouse=True)
def empty_reader(stack):
    yield
    for card in stack.agent_cli("status")["cards"]:
        stack.agent_cli("eject", card["id"], check=False)
    stack.wait_for_card(present=False)
    for state in ("blank", "issuing"):
        for card in cards(stack, state):
            stack.cli("card", "delete", card["id"], "--execute")


@pytest.fixture
def cms(stack, tmp_path):
    """`cardea-cms issue` for one person after the other, with an authority of its own."""
    for name, value in {"pin": PIN, "puk": "31415926", "key": os.urandom(24).hex()}.items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(value + "\n", encoding="utf-8")
    subprocess.run([stack.bin / "cardea-cms", "ca", "init", tmp_path / "ca"], check=True, capture_output=True, timeout=60)

    def run(subject, upn, *more):
        done = subprocess.run(
            [str(word) for word in [
                stack.bin / "cardea-cms", "issue", "--reader", READER, "--state", tmp_path / f"{upn}.json", "--execute", "--json",
                "--pin-file", tmp_path / "pin", "--puk-file", tmp_path / "puk", "--management-key-file", tmp_path / "key", "--plan", PLAN,
                "--ca", tmp_path / "ca", "--subject", subject, "--upn", f"{upn}@corp.example", "--email", f"{upn}@example.org", *more]],
            capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def cards(stack, state):
    return stack.cli("card", "list", "--org", stack.organisation, "--state", state)


def actions(stack, card):
    return [line["action"] for line in reversed(stack.cli("audit", "list", "--card", card, "--limit", "200"))]


def escaped(name):
    return name.replace(",", "\\,")


def test_three_people_in_a_row(stack, cms):
    """[D1] [A2] An unmodified management system issues three cards; the server knows each one's holder from the certificates."""
    with Issue(stack, "--profile", "piv-yubikey5", "--count", "3", "--auto", "--idle", "1", "--label-prefix", "row-") as issue:
        seen = set()
        for number, (name, login) in enumerate(PEOPLE, 1):
            shown = issue.presented()
            assert (shown["state"], shown["resumed"], shown["label"]) == ("blank", False, f"row-{number}")
            seen.add(shown["card"])
            assert cms(f"CN={escaped(name)},O=Example Trust", login)["result"] == "issued"
            done = issue.wait_for("issued")
            assert (done["card"], done["holder"], done["number"], done["state"]) == (shown["card"], name, number, "issued")
            assert [one["slot"] for one in done["certificates"]] == ["9A", "9C", "9D", "9E"]
            stack.cli("card", "show", done["card"])
        assert issue.end() == (0, "")
        assert issue.seen[-1] == {"event": "end", "issued": 3, "left": 0}
    assert len(seen) == 3
    people = {person["name"]: person for person in stack.cli("user", "list", "--org", stack.organisation)}
    for card in seen:
        sheet = stack.cli("card", "show", card)
        assert sheet["state"] == "issued" and sheet["holder"] == people[sheet["holder_name"]]["id"]
        assert not sheet["pins"]["pin"]["factory_value"] and not sheet["passcode"]["in_issuance"]
        log = actions(stack, card)
        assert log.index("card.create") < log.index("card.issuing") < log.index("card.issued")
    assert people["Ada Example"]["email"] == "ada@example.org"


def test_a_table_of_people(stack, tmp_path):
    """[A2] [D1] `cardea-cms batch` and `cardea-agent issue --auto` know nothing of each other and issue to everybody in a table."""
    subprocess.run([stack.bin / "cardea-cms", "ca", "init", tmp_path / "ca"], check=True, capture_output=True, timeout=60)
    table = [f"{number},Table Example {number},Example Trust,table{number}@corp.example,table{number}@example.org" for number in range(3)]
    (tmp_path / "people.csv").write_text("\n".join(["id,cn,o,upn,email", *table]) + "\n", encoding="utf-8")
    with Issue(stack, "--profile", "piv-yubikey5", "--count", "3", "--auto", "--idle", "1") as issue:
        batch = subprocess.run(
            [str(word) for word in [stack.bin / "cardea-cms", "batch", "--csv", tmp_path / "people.csv", "--plan", PLAN, "--out", tmp_path / "out",
                                    "--reader", READER, "--ca", tmp_path / "ca", "--wait", "60", "--execute", "--json"]],
            capture_output=True, text=True, timeout=240, check=False)
        assert batch.returncode == 0, batch.stdout + batch.stderr
        assert [issue.wait_for("issued")["holder"] for _ in table] == [f"Table Example {number}" for number in range(3)]
        assert issue.end()[0] == 0


@pytest.mark.parametrize("enrolled", ["before", "after"])
def test_the_holders_device_takes_the_card_into_use(stack, cms, tmp_path, enrolled):
    """[D1] Issued, not enrolled: in use once a device of the holder is enrolled, or opens it when it is enrolled already."""
    name = f"Eve {enrolled.title()}"
    stack.cli("user", "create", "--org", stack.organisation, "--name", name, "--email", f"Eve-{enrolled}@example.org")
    state = tmp_path / "hers"
    if enrolled == "before":
        enrol_user(stack, state, f"eve-{enrolled}@example.org")
    with Issue(stack, "--profile", "piv-yubikey5", "--auto", "--idle", "1") as issue:
        card = issue.presented()["card"]
        cms(f"CN={name},O=Example Trust", f"eve-{enrolled}")
        assert issue.wait_for("issued")["holder"] == name
    assert stack.cli("card", "show", card)["state"] == "issued"
    if enrolled == "after":
        enrol_user(stack, state, f"eve-{enrolled}@example.org")
        assert stack.cli("card", "show", card)["state"] == "active"
    agent = stack.run_agent(state)
    try:
        assert stack.agent_cli("insert", card, state=state)["phase"] == "inserted"
        assert stack.cli("card", "show", card)["state"] == "active"
        stack.wait_for_card(present=True)
        stack.agent_cli("eject", card, state=state)
        stack.wait_for_card(present=False)
    finally:
        agent.stop()


def test_ykman_as_the_management_system(stack, tmp_path):
    """[A2] [D1] Yubico's own tool writes; the operator says when it is done; until then the server says what is missing."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        stack.agent_cli("issue", "next")
        assert issue.wait_for("incomplete")["missing"] == [
            "a certificate in 9A, 9C or 9D that names the holder", "a PIN of its own: it is the factory's",
            "a PUK of its own: it is the factory's", "a management key of its own: it is the factory's"]
        change_management_key()
        self_sign(tmp_path, "9a", "CN=Grace Example,UID=555000000033")
        change_pin()
        assert stack.cli("card", "show", card)["issuing"]["missing"] == ["a PUK of its own: it is the factory's"]
        with pytest.raises(CliError, match="the card is not complete; missing: a PUK of its own"):
            stack.cli("card", "finish", card)
        change_puk()
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["holder"] == "Grace Example"
        assert issue.end()[0] == 0
    assert stack.cli("card", "show", card)["state"] == "issued"


def test_factory_values_that_are_set_again(stack, tmp_path):
    """[D1] PIN and PUK that got the factory's values again are not the card's own, whichever tool has set them."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_management_key()
        change_pin()
        change_puk()
        self_sign(tmp_path, "9a", "CN=Ivy Example,UID=555000000117", pin=PIN)
        ykman("access", "change-pin", "-P", PIN, "-n", FACTORY_PIN)
        ykman("access", "change-puk", "-p", PUK, "-n", FACTORY_PUK)
        missing = ["a PIN of its own: it is the factory's", "a PUK of its own: it is the factory's"]
        assert stack.cli("card", "show", card)["issuing"]["missing"] == missing
        stack.agent_cli("issue", "next")
        assert issue.wait_for("incomplete")["missing"] == missing
        change_puk()
        ykman("access", "unblock-pin", "-p", PUK, "-n", FACTORY_PIN)
        assert stack.cli("card", "show", card)["issuing"]["missing"] == missing[:1]
        change_pin()
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["holder"] == "Ivy Example"
        assert issue.end()[0] == 0


def test_put_back_to_factory_values_after_it_was_issued(stack, tmp_path):
    """[D1] Between issued and in use somebody sets factory values again: the card waits until they are changed."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_management_key()
        change_pin()
        change_puk()
        self_sign(tmp_path, "9a", "CN=Joy Example,UID=555000000125", pin=PIN)
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["card"] == card
        assert issue.end()[0] == 0
    stack.wait_for_card(present=False)
    stack.agent_cli("insert", card)
    stack.wait_for_card(present=True)
    ykman("access", "change-pin", "-P", PIN, "-n", FACTORY_PIN)
    sentence = "the card was put back to factory values after it was issued; missing: a PIN of its own: it is the factory's"
    with pytest.raises(CliError, match=sentence):
        stack.cli("card", "activate", card)
    enrol_user(stack, tmp_path / "joys", stack.cli("card", "show", card)["holder"])
    agent = stack.run_agent(tmp_path / "joys")
    try:
        with pytest.raises(CliError, match=sentence):
            stack.agent_cli("insert", card, state=tmp_path / "joys")
        assert stack.cli("card", "show", card)["state"] == "issued"
        assert actions(stack, card)[-1] == "card.enrolled"
        change_pin()
        stack.agent_cli("eject", card)
        stack.wait_for_card(present=False)
        assert stack.agent_cli("insert", card, state=tmp_path / "joys")["phase"] == "inserted"
        stack.wait_for_card(present=True)
        assert stack.cli("card", "show", card)["state"] == "active"
        stack.agent_cli("eject", card, state=tmp_path / "joys")
        stack.wait_for_card(present=False)
    finally:
        agent.stop()


def test_finished_when_the_management_system_lets_go(stack, tmp_path):
    """[A2] Without a word of the operator: the card is complete, and its power is taken away because nobody holds it."""
    with Issue(stack, "--profile", "piv-yubikey5", "--on-release") as issue:
        issue.presented()
        change_pin()
        change_puk()
        change_management_key()
        self_sign(tmp_path, "9a", "CN=Hedy Example,UID=555000000041", pin=PIN)
        assert issue.wait_for("issued")["holder"] == "Hedy Example"


def test_stopped_and_resumed(stack, tmp_path):
    """[D1] Ctrl-C leaves a half-issued card, which nobody can use; --resume shows the same one again."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_pin()
        issue.interrupt()
        left = issue.wait_for("left")
        assert (left["card"], left["state"]) == (card, "issuing")
        assert issue.end()[0] == 4
    stack.wait_for_card(present=False)
    assert [one["id"] for one in cards(stack, "issuing")] == [card]
    with pytest.raises(CliError, match="the card is not issued yet: finish it first"):
        stack.cli("card", "activate", card)
    with Issue(stack, "--resume") as issue:
        shown = issue.presented()
        assert (shown["card"], shown["state"], shown["resumed"]) == (card, "issuing", True)
        change_puk()
        change_management_key()
        self_sign(tmp_path, "9a", "CN=Ida Example,UID=555000000058", pin=PIN)
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["card"] == card
        assert issue.end()[0] == 0
    with Issue(stack, "--resume") as issue:  # nothing is left
        assert issue.end()[0] == 0
        assert issue.seen == [{"event": "end", "issued": 0, "left": 0}]


def test_stopped_when_all_was_written(stack, tmp_path):
    """[D1] The card is whole and nobody will write to it any more: --resume --auto finishes it."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_pin()
        change_puk()
        change_management_key()
        self_sign(tmp_path, "9a", "CN=Mary Example,UID=555000000082", pin=PIN)
        issue.interrupt()
        assert issue.end()[0] == 4
    with Issue(stack, "--resume", "--auto", "--idle", "0.5") as issue:
        assert issue.wait_for("issued")["card"] == card
        assert issue.end()[0] == 0


def test_a_blank_card_is_used_again(stack):
    """[D1] Stopped before anything was written: the same blank card comes next time, and none is left over."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        issue.interrupt()
        assert issue.wait_for("left")["state"] == "blank"
        assert issue.end()[0] == 0
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        assert issue.presented()["card"] == card
    assert [one["id"] for one in cards(stack, "blank")] == [card]


def test_skipped(stack):
    """[A2] The operator leaves a card half-issued; the next one is a blank card, also with --resume."""
    with Issue(stack, "--profile", "piv-yubikey5", "--resume", "--until-stopped") as issue:
        card = issue.presented()["card"]
        change_pin()
        stack.agent_cli("issue", "skip")
        assert issue.wait_for("left")["card"] == card
        second = issue.presented()
        assert second["card"] != card and second["state"] == "blank"
        issue.interrupt()
        assert issue.end()[0] == 4


def test_certificates_of_two_people(stack, tmp_path):
    """[D1] They name different people: refused with a sentence, and the card stays half-issued."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        card = issue.presented()["card"]
        change_pin()
        change_puk()
        change_management_key()
        self_sign(tmp_path, "9a", "CN=Jane Example,UID=555000000066", pin=PIN)
        self_sign(tmp_path, "9c", "CN=Joan Example,UID=555000000074", pin=PIN)
        stack.agent_cli("issue", "next")
        said = "one holder: the certificates in 9A and 9C name different people: their user identifiers are 555000000066 and 555000000074"
        assert issue.wait_for("incomplete")["missing"] == [said]
        assert stack.cli("card", "show", card)["state"] == "issuing"
        self_sign(tmp_path, "9c", "CN=Jane Example,UID=555000000066", pin=PIN)
        stack.agent_cli("issue", "next")
        assert issue.wait_for("issued")["holder"] == "Jane Example"


def test_two_organisations_issue_to_one_name(stack, cms, tmp_path):
    """[D1] [D3] The same certificates at two organisations of one server: each has its own person, and hears nothing of the other's."""
    elsewhere = "Another Trust"
    stack.cli("org", "create", elsewhere)
    theirs = tmp_path / "theirs"
    enrol(stack, theirs, "--org", elsewhere, "--role", "registrar")
    agent = stack.run_agent(theirs)
    holders = {}
    try:
        # The other organisation is first, so that what it has could be in the way.
        for organisation, state in ((elsewhere, theirs), (stack.organisation, stack.agent_state)):
            with Issue(stack, "--profile", "piv-yubikey5", "--auto", "--idle", "1", state=state) as issue:
                card = issue.presented()["card"]
                assert cms("CN=Lin Example,UID=555000000090,O=Example Trust", "lin")["result"] == "issued"
                assert issue.wait_for("issued")["holder"] == "Lin Example"
                assert issue.end() == (0, "")
            (tmp_path / "lin.json").unlink()  # of the management system: the next organisation has one of its own
            holders[organisation] = stack.cli("card", "show", card)["holder"]
    finally:
        agent.stop()
    assert holders[elsewhere] != holders[stack.organisation]
    for organisation, holder in holders.items():
        people = [one["id"] for one in stack.cli("user", "list", "--org", organisation) if one["name"] == "Lin Example"]
        assert people == [holder]


def test_only_a_registrar_issues(stack, tmp_path):
    """[D3] A user's workstation gets no blank card, and says so."""
    stack.cli("user", "create", "--org", stack.organisation, "--name", "Kay Example", "--email", "kay@example.org")
    enrol_user(stack, tmp_path / "kay", "kay@example.org")
    agent = stack.run_agent(tmp_path / "kay")
    try:
        with Issue(stack, "--profile", "piv-yubikey5", state=tmp_path / "kay") as issue:
            assert issue.end() == (1, "cardea-agent: only a registrar's workstation issues cards\n")
    finally:
        agent.stop()


def test_one_card_at_a_time(stack):
    """[A2] A second 'issue' on the same workstation is refused while the first is at work; 'next' without any says so."""
    with pytest.raises(CliError, match="no card is being issued here"):
        stack.agent_cli("issue", "next")
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        label = issue.presented()["label"]
        with Issue(stack, "--profile", "piv-yubikey5") as second:
            assert second.end() == (1, f"cardea-agent: another 'cardea-agent issue' is at work here, with the card {label}\n")
        issue.kill()
    # Whose run was killed is noticed; its card goes on.
    shown = wait_until(lambda: shown_again(stack), 30, "another run may have the card")
    assert shown["label"] == label


def shown_again(stack):
    """What is presented, or None as long as the run before counts as being at work."""
    with Issue(stack, "--profile", "piv-yubikey5") as issue:
        event = issue.next_event(30)
        return event if event and event["event"] == "presented" else None


def test_usage(stack):
    """[A2] What cannot be meant is refused before anything is asked for."""
    with Issue(stack) as issue:
        status, said = issue.end()
        assert (status, said) == (2, "cardea-agent: say which kind of card by --profile, or --resume, or --card\n")
    with Issue(stack, "--profile", "piv-nonsense") as issue:
        assert issue.end() == (1, "cardea-agent: there is no profile 'piv-nonsense'; there are piv-yubikey5, piv-nist\n")
    with Issue(stack, "--card", "no such card") as issue:
        assert issue.end()[0] == 1
