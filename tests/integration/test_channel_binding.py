"""`channel_binding = "require"`: a PIN login is good over its own TLS connection only (RFC 9266)."""

import pytest

from cardea_stack import CHEAP_PINS, FACTORY_PIN, Stack, running
from pcsc import Connection, verify_command
from tls_tap import TlsTap

REQUIRE = CHEAP_PINS + 'channel_binding = "require"\n'


@pytest.fixture(scope="module")
def bound(scratch, opensc_conf):
    with running(Stack(scratch / "b", server_config=REQUIRE)) as started:
        yield started


def test_agent_and_server_know_their_connection_by_the_same_name(bound):
    """[C2] Right and wrong PINs as ever, and a second login after the connection has been lost."""
    card = bound.new_card()
    with Connection() as connection:
        assert connection.sw("00A4040005A000000308") == "9000"
        assert connection.sw(verify_command("999999")) == "63C2"
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert connection.sw("00200080") == "9000"
    card.eject()
    bound.server.stop()
    bound.start_server()
    card.insert()  # over another connection
    with Connection() as connection:
        assert connection.sw("00A4040005A000000308") == "9000"
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert connection.sw("00200080") == "9000"
    card.remove()


def test_through_a_proxy_that_ends_tls_every_pin_is_wrong(bound):
    """[C2] Whoever sits in the middle of TLS cannot carry a login through, though the certificate is trusted."""
    tap = TlsTap(bound.directory, bound.port).start()
    try:
        state = bound.directory / "fooled"
        code = bound.cli("device", "code", "--org", bound.organisation, "--role", "registrar")["code"]
        bound._run([bound.bin / "cardea-agent", "--state-dir", state, "enrol", "--server", f"https://127.0.0.1:{tap.port}",
                    "--ca", tap.certificate, "--code-file", "-", "--name", "fooled"], input_text=code + "\n")
        agent = bound.run_agent(state)
        card = bound.new_card(insert=False)
        assert bound.agent_cli("insert", card.id, state=state)["phase"] == "inserted"
        bound.wait_for_card(present=True)
        with Connection() as connection:
            assert connection.sw("00A4040005A000000308") == "9000"
            assert connection.sw(verify_command(FACTORY_PIN)) == "63C2"
            assert connection.sw("00200080") == "63C2"
        bound.agent_cli("eject", card.id, state=state)
        bound.wait_for_card(present=False)
        bound.cli("card", "delete", card.id, "--execute")
        agent.stop()
    finally:
        tap.stop()
