"""A card's life as the administrator and the workstation see it."""

import pytest
from smartcard import scard

import piv
from cardea_stack import FACTORY_PIN, CliError
from pcsc import Connection, PcscError, verify_command
from processes import wait_until

YUBIKEY_ATR = "3BFD1300008131FE158073C021C057597562694B657940"
SECOND_READER = "Cardea 00 01"
NIST_ATR = "3B888131FE450073C84013009000FB"


@pytest.mark.parametrize("profile, atr", [("piv-yubikey5", YUBIKEY_ATR), ("piv-nist", NIST_ATR)])
def test_insert_use_eject(stack, profile, atr):
    """[A1] The card appears with its ATR over T=1, answers, and is gone after ejection."""
    card = stack.new_card(profile)
    with Connection() as connection:
        _, protocol, seen = connection.status()
        assert seen == atr
        assert protocol == scard.SCARD_PROTOCOL_T1
        assert connection.sw("00A4040005A000000308") == "9000"
    card.eject()
    with pytest.raises(PcscError) as nothing:
        Connection()
    assert nothing.value.code == 0x8010000C  # SCARD_E_NO_SMARTCARD
    card.insert()
    card.remove()


def test_state_survives_ejection(stack, card):
    """[A1] What is written stays; what was verified does not."""
    with Connection() as connection:
        piv.authenticate(connection)
        assert piv.put_object(connection, "5FC102", b"\x01\x02\x03") == "9000"
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    card.eject()
    card.insert()
    with Connection() as connection:
        assert piv.get_object(connection, "5FC102") == b"\x01\x02\x03"
        assert connection.sw("00200080") == "63C3"


def test_reset_and_leave(stack, card):
    """[A1] card-profiles 0.7: a reset forgets the PIN, leaving the card does not."""
    connection = Connection()
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    connection.close(scard.SCARD_LEAVE_CARD)
    connection = Connection()
    assert connection.sw("00200080") == "9000"
    connection.reconnect(scard.SCARD_RESET_CARD)
    assert connection.sw("00200080") == "63C3"
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    connection.reconnect(scard.SCARD_UNPOWER_CARD)
    assert connection.sw("00200080") == "63C3"
    connection.close()


def test_block_ends_the_session_and_unblock_restores(stack, card):
    """[D9] A blocked card answers nothing more, leaves the reader and cannot be inserted; unblocked it is as before."""
    with Connection() as connection:
        assert connection.sw("00200080") == "63C3"
    stack.cli("card", "block", card.id)
    with pytest.raises(PcscError):
        with Connection() as connection:
            connection.sw("00200080")
    assert stack.cli("card", "show", card.id)["state"] == "blocked"
    with pytest.raises(CliError) as refused:
        stack.agent_cli("insert", card.id)
    assert (refused.value.status, refused.value.text) == (1, "cardea-agent: the card is blocked\n")
    stack.cli("card", "unblock", card.id)
    stack.agent_cli("eject", card.id, check=False)
    card.insert()
    with Connection() as connection:
        assert connection.sw("00200080") == "63C3"


def test_show_tells_the_counters(stack, card):
    """[F3] The administrator sees the tries left without knowing the PIN."""
    with Connection() as connection:
        assert connection.sw(verify_command("000000")) == "63C2"
    shown = stack.cli("card", "show", card.id)
    assert shown["profile"] == "piv-yubikey5"
    assert shown["pins"]["pin"]["tries_left"] == 2
    assert shown["pins"]["puk"]["tries_left"] == 3


def tries_left(stack, card):
    return stack.cli("card", "show", card.id)["pins"]["pin"]["tries_left"]


def test_a_right_pin_costs_nothing_though_nothing_follows_it(stack, card):
    """[C2] The proof of a PIN goes by itself when the application stays silent, and the try comes back."""
    with Connection() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        wait_until(lambda: tries_left(stack, card) == 3, 20, "the try has come back")
        assert connection.sw("00200080") == "9000"


def test_a_right_pin_costs_nothing_though_the_card_is_pulled(stack, card):
    """[C2] The proof goes before a reset, a power off and an ejection."""
    for disposition in (scard.SCARD_RESET_CARD, scard.SCARD_UNPOWER_CARD):
        connection = Connection()
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        connection.close(disposition)
        wait_until(lambda: tries_left(stack, card) == 3, 20, "the try has come back")
        with Connection() as connection:
            assert connection.sw("00200080") == "63C3"  # and nobody is logged in
    with Connection() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        card.eject()
    wait_until(lambda: tries_left(stack, card) == 3, 20, "the try has come back")


def test_audit_has_each_key_use(stack, card):
    """[F3] PIN tries and key uses are on the audit log, with success or failure."""
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
        assert connection.sw(verify_command("000000")) == "63C2"
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        for _ in range(3):
            assert piv.sign_p256(connection, bytes(32))[1] == "9000"
    rows = stack.cli("audit", "list", "--card", card.id, "--limit", "100")
    actions = [(row["action"], row["success"]) for row in rows]
    assert actions.count(("key.use", True)) == 3
    # The server learns that a PIN was right, never that one was wrong: that is a challenge without a try.
    assert actions.count(("pin.challenge", True)) == 2
    assert [action for action in actions if action[0] == "pin.try"] == [("pin.try", True)]
    assert ("pin.try", True) in actions
    assert all(row["actor"] for row in rows)


def test_one_session_while_inserted(stack, card):
    """[C4] An inserted card has one session, however many applications come and go; ejected, it has none."""
    for _ in range(3):
        with Connection() as connection:
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    assert [s["card"] for s in stack.cli("session", "list")] == [card.id]
    card.eject()
    assert stack.cli("session", "list") == []


@pytest.fixture
def second_device(stack):
    """A second agent, enrolled by itself, at a reader with two slots; its state directory."""
    state = stack.directory / "agent2"
    stack.pcscd.stop()
    stack.start_pcscd(slots=2)
    if not state.exists():
        stack.enrol(state=state, name="second workstation")
    agent = stack.run_agent(state)
    yield state
    agent.stop()
    stack.pcscd.stop()
    stack.start_pcscd()


def test_same_card_on_two_devices(second_device, stack, card):
    """[A5] Live on both: each has its own login; objects and the counter of tries are one and the same."""
    stack.agent_cli("insert", card.id, state=second_device)
    stack.wait_for_card(present=True, reader=SECOND_READER)
    assert [s["card"] for s in stack.cli("session", "list")] == [card.id, card.id]
    assert len({s["device"] for s in stack.cli("session", "list")}) == 2
    with Connection() as here, Connection(SECOND_READER) as there:
        assert here.sw(verify_command(FACTORY_PIN)) == "9000"
        assert (here.sw("00200080"), there.sw("00200080")) == ("9000", "63C3")
        piv.authenticate(here)
        assert piv.put_object(here, "5FC102", b"seen by both") == "9000"
        assert piv.get_object(there, "5FC102") == b"seen by both"
        assert there.sw(verify_command("000000")) == "63C2"
        assert here.sw("00200080") == "9000"
        here.reconnect()
        assert here.sw("00200080") == "63C2"
    stack.agent_cli("eject", card.id, state=second_device)
    stack.wait_for_card(present=False, reader=SECOND_READER)
    with Connection() as here:
        assert here.sw("00200080") == "63C2"


def test_delete_is_a_dry_run_first(stack):
    """[D6] Deleting says what would happen, and does it with --execute only."""
    card = stack.new_card(insert=False)
    stack.cli("card", "delete", card.id)
    assert stack.cli("card", "show", card.id)["id"] == card.id
    stack.cli("card", "delete", card.id, "--execute")
    with pytest.raises(CliError) as gone:
        stack.cli("card", "show", card.id)
    assert gone.value.status == 1


def test_organisations_do_not_see_each_other(stack):
    """[D3] A device of one organisation cannot open a card of another."""
    stack.cli("org", "create", "Other Trust")
    foreign = stack.cli("card", "create", "--org", "Other Trust", "--profile", "piv-nist", "--label", "foreign")["id"]
    assert foreign not in [card["id"] for card in stack.agent_cli("card", "list")]
    assert stack.agent_cli("insert", foreign, check=False) is None
    stack.cli("card", "delete", foreign, "--execute")


def test_large_and_malformed_apdus(stack, card):
    """[A1] Through pcscd: one octet, cut lengths, 64 KiB; each has its status word and the card goes on."""
    with Connection() as connection:
        for apdu, sw in [("00", "6700"), ("0102", "6700"), ("00CB3F", "6700"), ("00CB3FFF055C", "6700"),
                         ("FF200080", "6E00"), ("00010000", "6D00"), ("00FF0000", "6A86"), ("00CB3FFF035C0300", "6A80"), ("00CB3FFF025C7F", "6A80")]:
            assert connection.sw(apdu) == sw, apdu
        big = "00DB3FFF00" + f"{60000:04X}" + "5C035FC10A5382EA54" + "AA" * (60000 - 9)
        assert connection.sw(big) == "6982"  # the administrator's right is asked for before the data is looked at
        assert connection.sw("00A4040005A000000308") == "9000"
