"""Cards are issued on a registrar's workstation with Windows, by a card management system of somebody else's. [A2] [D1]"""

import uuid

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import piv
from authority import Authority
from cardea_stack import CHEAP_PINS, FACTORY_PIN, CliError, running
from workstation import DeskIssue, ManagementSystem, ServerOnly, ToolConnection

SELECT_PIV = "00A4040009A0000003080000100000"
OBJECTS = {"9A": "5FC105", "9C": "5FC10A", "9D": "5FC10B", "9E": "5FC101"}
# The program lets go of a card when it is done with it.
SHOWN = ("--profile", "piv-yubikey5", "--on-release")


@pytest.fixture(scope="module")
def server(scratch):
    with running(ServerOnly(scratch / "cms-server", server_config=CHEAP_PINS + '[issuing]\nrequired_slots = ["9A", "9C", "9D", "9E"]\n')) as started:
        yield started


@pytest.fixture
def folder(desk):
    return desk.directory / f"cms-{uuid.uuid4().hex[:6]}"


def person(kind, login, name):
    """One line of the table; each kind of Windows has people of its own."""
    return f"{login}{kind}", f"{name} {kind}", f"{login}.{kind}@corp.example", f"{login}.{kind}@example.org"


def padded(value):
    return value.encode().hex() + "FF" * (8 - len(value))


def check_at_server(server, card, who, event, authority):
    """The server has read from the certificates whose the card is, and found it whole."""
    login, name, _, email = who
    sheet = server.cli("card", "show", card)
    assert sheet["state"] == "issued" and sheet["holder_name"] == name, sheet
    assert not any(sheet["pins"][which]["factory_value"] for which in ("pin", "puk")), sheet
    assert not sheet["passcode"]["in_issuance"]
    (holder,) = [one for one in server.cli("user", "list", "--org", server.organisation) if one["name"] == name]
    assert sheet["holder"] == holder["id"] and holder["email"] == email
    assert event["holder"] == name and event["state"] == "issued"
    assert {one["slot"]: int(one["serial"], 16) for one in event["certificates"]} == \
        {slot: authority.issued[login, slot].serial_number for slot in OBJECTS}


def check_card(desk, card, record, certificates):
    """The card is as the management system has written it, and knows no factory's secrets any more."""
    assert desk.agent_cli("insert", card)["phase"] == "inserted"
    try:
        with ToolConnection(desk) as connection:
            assert connection.sw(SELECT_PIV) == "9000"
            assert connection.transmit("00F8000000") == (record["serial"], "9000")
            for slot, tag in OBJECTS.items():
                der = certificates[slot].public_bytes(Encoding.DER)
                assert piv.get_object(connection, tag) == b"\x70\x82" + len(der).to_bytes(2, "big") + der + bytes.fromhex("710100FE00")
            assert bytes.fromhex("3410" + record["guid"]) in piv.get_object(connection, "5FC102")
            assert connection.sw("0020008008" + padded(FACTORY_PIN))[:3] == "63C"
            assert connection.sw("0020008008" + padded(record["pin"])) == "9000"
            assert connection.sw("0024008110" + padded(record["puk"]) * 2) == "9000"
            piv.authenticate(connection, record["key"])
    finally:
        desk.agent_cli("eject", card)


def test_two_people_in_a_row(desk, server, folder):
    """The reader is emptied after the first card, and the second comes; nobody touches the program or the workstation."""
    people = [person(desk.wine.kind, "ada", "Ada Example"), person(desk.wine.kind, "zoe", "Zoë Example")]
    cards = []
    with Authority(folder) as authority, ManagementSystem(desk, folder, people, count=2) as cms, \
            DeskIssue(desk, *SHOWN, "--count", 2) as issue:
        for number, who in enumerate(people, 1):
            shown = issue.presented()
            assert (shown["state"], shown["resumed"]) == ("blank", False)
            assert cms.until(f"{who[0]} issued") == [
                f"{who[0]} gets {shown['serial']:08X}", f"{who[0]} has a CHUID", f"{who[0]} has a PIN and a PUK",
                *(f"{who[0]} {slot} {what}" for slot in OBJECTS for what in ("requested", "certified")),
                f"{who[0]} has a management key", f"{who[0]} issued"]
            done = issue.wait_for("issued")
            assert (done["card"], done["number"]) == (shown["card"], number)
            check_at_server(server, done["card"], who, done, authority)
            cards.append(done["card"])
        assert issue.end() == (0, "")
        assert issue.seen[-1] == {"event": "end", "issued": 2, "left": 0}
        assert cms.until("done") == ["done"] and cms.ended() == (0, "")
        records = [cms.record(who[0]) for who in people]
    assert len(set(cards)) == 2
    for secret in ("pin", "puk", "key", "guid"):
        assert records[0][secret] != records[1][secret], f"each card has a {secret} of its own"
    for card, record, who in zip(cards, records, people):
        check_card(desk, card, record, {slot: authority.issued[who[0], slot] for slot in OBJECTS})
        server.cli("card", "delete", card, "--execute")


def test_broken_off_and_gone_on_with(desk, server, folder):
    """The program is killed while it waits for the second certificate: nobody can use the card, and the next run finishes the same one."""
    who = person(desk.wine.kind, "bob", "Bob Example")
    with Authority(folder, slots=("9A",)) as authority:
        with ManagementSystem(desk, folder, [who]) as cms, DeskIssue(desk, *SHOWN) as issue:
            card = issue.presented()["card"]
            cms.until(f"{who[0]} 9C requested")
            begun = cms.record(who[0])
            cms.kill()
            missing = issue.wait_for("incomplete")["missing"]
            assert missing == ["a certificate in 9C", "a certificate in 9D", "a certificate in 9E",
                               "a management key of its own: it is the factory's"]
            desk.agent_cli("eject", card)
            left = issue.wait_for("left")
            assert (left["card"], left["state"]) == (card, "issuing")
            assert issue.end()[0] == 4, "cards are left half-issued"
        check_unusable(server, card, who)
        authority.slots = tuple(OBJECTS)
        with ManagementSystem(desk, folder, [who]) as cms, DeskIssue(desk, "--resume", "--on-release") as issue:
            shown = issue.presented()
            assert (shown["card"], shown["state"], shown["resumed"]) == (card, "issuing", True)
            said = cms.until(f"{who[0]} issued")
            assert said[0] == f"{who[0]} gets {shown['serial']:08X}" and f"{who[0]} 9A kept" in said, said
            done = issue.wait_for("issued")
            assert issue.end() == (0, "")
            assert cms.until("done") == ["done"] and cms.ended() == (0, "")
            record = cms.record(who[0])
        assert {**begun, "state": "issued"} == record, "the secrets of a card are made once"
        check_at_server(server, card, who, done, authority)
    check_card(desk, card, record, {slot: authority.issued[who[0], slot] for slot in OBJECTS})
    server.cli("card", "delete", card, "--execute")


def test_killed_again_and_again(desk, server, folder):
    """Each run is killed after another step, inside its transaction: the next one gets to the card, and goes on with it."""
    who = person(desk.wine.kind, "eve", "Eve Example")
    with Authority(folder) as authority, DeskIssue(desk, *SHOWN) as issue:
        card = issue.presented()["card"]
        for step in ("has a CHUID", "has a PIN and a PUK", "9A certified", "9E requested"):
            with ManagementSystem(desk, folder, [who]) as cms:
                cms.until(f"{who[0]} {step}")
                cms.kill()
            assert server.cli("card", "show", card)["state"] == "issuing"
        with ManagementSystem(desk, folder, [who]) as cms:
            said = cms.until(f"{who[0]} issued")
            assert [line for line in said if line.endswith(" kept")][:3] == [f"{who[0]} {slot} kept" for slot in ("9A", "9C", "9D")]
            done = issue.wait_for("issued")
            assert done["card"] == card and issue.end() == (0, "")
            assert cms.until("done") == ["done"] and cms.ended() == (0, "")
            record = cms.record(who[0])
        check_at_server(server, card, who, done, authority)
    check_card(desk, card, record, {slot: authority.issued[who[0], slot] for slot in OBJECTS})
    server.cli("card", "delete", card, "--execute")


def check_unusable(server, card, who):
    """It is nobody's, although its one certificate says whose it will be."""
    _, name, upn, email = who
    sheet = server.cli("card", "show", card)
    assert sheet["state"] == "issuing" and not sheet["holder"], sheet
    named = sheet["issuing"]["named"]
    assert (named["name"], named["email"]) == (name, email) and {"kind": "upn", "value": upn} in named["identifiers"], named
    with pytest.raises(CliError, match="the card is not issued yet: finish it first"):
        server.cli("card", "activate", card)
    with pytest.raises(CliError, match="the card is not complete; missing: a certificate in 9C"):
        server.cli("card", "finish", card)


def test_usage(desk):
    done = desk.wine.run(desk.programs / "cms_program.exe", "--count", "0", environment=desk.environment)
    assert (done.returncode, done.stderr) == (2, "usage: cms_program --reader NAME --people FILE --folder FOLDER [--count N]\n")
