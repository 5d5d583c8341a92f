"""The signer, the agent and pcscd are killed and stopped: the application sees a reset or an error, never a hang."""

import signal
import threading
import time
import urllib.error
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

import piv
from cardea_stack import FACTORY_PIN
from faultlib import REMOVED, alive, connect_patiently, signers, tries_left
from pcsc import Connection, PcscError, verify_command
from processes import hold, wait_until
from victims import Agent, Kill, Signers, kill_all, pool_size

DIGEST = sha256(b"letter").digest()


@pytest.fixture
def signing_card(stack):
    """A card with a P-256 key in 9A."""
    made = stack.new_card("piv-yubikey5")
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    yield made
    made.remove()


def sign_or_explain(connection):
    """'9000', another status word, or the PC/SC error: whatever comes, it comes within the deadline."""
    began = time.monotonic()
    try:
        answer = piv.sign_p256(connection, DIGEST)[1]
    except PcscError as error:
        answer = f"0x{error.code:08X}"
    assert time.monotonic() - began < 45, "no answer in time"
    return answer


def signed_in():
    connection = connect_patiently()
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    return connection


def readiness(stack):
    try:
        return stack.https("/readyz").status
    except urllib.error.HTTPError as error:
        return error.code


def unreadiness(stack):
    """What /readyz says when it does not say that the server is ready."""
    try:
        stack.https("/readyz")
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return "the server is ready"


def test_idle_signers_killed(stack, signing_card, dice):
    """[B9] One, some or all workers killed while they wait: nobody notices, and the server is ready again."""
    full = len(signers(stack.server.pid))
    with signed_in() as connection:
        for _ in range(12):
            for _ in range(dice.randrange(4)):
                assert sign_or_explain(connection) == "9000"
            # One that is killed while it starts is another matter: then the server has reason to say so.
            wait_until(lambda: pool_size(stack) == full, 20, "all signers have started")
            victims = signers(stack.server.pid)
            victims = dice.sample(victims, dice.randint(1, len(victims)))
            kill_all(victims)
            wait_until(lambda gone=victims: not any(map(alive, gone)), 10, "the victims are dead")
            assert sign_or_explain(connection) == "9000"
        assert readiness(stack) == 200


def test_signers_killed_while_signing(stack, signing_card, dice):
    """[B9] Workers killed at random moments of a stream of signatures: each is right or refused, and the next one works."""
    with connect_patiently() as connection:
        piv.authenticate(connection)
        point = piv.generate(connection)[-65:]
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    outcomes = {"9000": 0, "6F00": 0}
    with signed_in() as connection:
        for _ in range(25):
            delay = dice.uniform(0, 0.02)
            killer = threading.Thread(target=lambda wait=delay: (time.sleep(wait), kill_all(signers(stack.server.pid))))
            killer.start()
            while True:
                last = not killer.is_alive()
                data, sw = piv.sign_p256(connection, DIGEST)
                outcomes[sw] += 1
                if sw == "9000":
                    public.verify(bytes.fromhex(data)[4:], DIGEST, ec.ECDSA(Prehashed(SHA256())))
                if last:
                    break
            try:
                wait_until(lambda: sign_or_explain(connection) == "9000", 20, "signatures work again")
            except AssertionError as error:
                raise AssertionError(f"{error}; {sign_or_explain(connection)}; {unreadiness(stack)}") from error
    print(outcomes)
    assert readiness(stack) == 200


def signs_with(connection, public):
    """Whether the card signs, and with the key of this point."""
    data, sw = piv.sign_p256(connection, DIGEST)
    assert sw == "9000", sw
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public).verify(
        bytes.fromhex(data)[4:], DIGEST, ec.ECDSA(Prehashed(SHA256())))
    return True


def test_signers_killed_while_generating(stack, signing_card, dice):
    """[B9] Workers killed in the middle of GENERATE: a new key that works, or 6F00 and the old one; the next GENERATE works."""
    victim, outcomes, hits = Signers(stack), {"9000": 0, "6F00": 0}, 0
    with signed_in() as connection:
        piv.authenticate(connection)
        public = piv.generate(connection)[-65:]
        took = 0.02
        for _ in range(200):
            kill = Kill(victim, dice.uniform(0, took)).start()
            began = time.monotonic()
            data, sw = connection.transmit("0047009A05AC0380011100")
            ended = time.monotonic()
            hits += kill.join() < ended
            # As long as they take here and now: the next kill is to come in the middle of it.
            took = (took + ended - began) / 2
            outcomes[sw] += 1
            if sw == "9000":
                public = bytes.fromhex(data)[-65:]
            victim.restore(signing_card)
            assert signs_with(connection, public)
            if hits == 15:
                break
        assert signs_with(connection, piv.generate(connection)[-65:])
    print(f"{hits} kills fell into GENERATE: {outcomes}")
    assert hits == 15
    assert readiness(stack) == 200


def test_signers_stopped(stack, signing_card):
    """[B12] All workers hang: one caller waits for the time-out and is refused, all are replaced, nobody else waits."""
    with signed_in() as connection:
        victims = signers(stack.server.pid)
        for victim in victims:
            hold(victim)
        assert sign_or_explain(connection) == "6F00"

        def signs():
            began = time.monotonic()
            answer = sign_or_explain(connection)
            assert time.monotonic() - began < 9, "the next caller found a worker that hangs"
            return answer == "9000"

        wait_until(signs, 20, "signatures work again")
        wait_until(lambda: not any(map(alive, victims)), 10, "the stopped ones are ended")
    assert readiness(stack) == 200


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphans(stack, signing_card, how):
    """[B9] The server ends, killed or in good order: no worker outlives it, not even a stopped one."""
    workers = signers(stack.server.pid)
    assert workers
    hold(workers[0])
    stack.server.signal(how)
    assert stack.server.wait(15) == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    wait_until(lambda: not any(map(alive, workers)), 10, "all workers are gone")
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


def test_agent_killed(stack, signing_card):
    """[A1] The agent was killed before the command is sent: the card is gone for the application, and back when the agent is."""
    agent = Agent(stack)
    for commands in range(4):
        connection = signed_in()
        for _ in range(commands):
            assert sign_or_explain(connection) == "9000"
        agent.kill()
        answer = sign_or_explain(connection)
        assert answer in REMOVED, answer
        connection.close()
        agent.restore(signing_card)


def test_agent_killed_while_signing(stack, signing_card, dice):
    """[A1] The agent is killed while commands are under way: each answer is right, and then the card is gone; never a hang."""
    agent, signed = Agent(stack), 0
    with connect_patiently() as connection:
        piv.authenticate(connection)
        public = piv.generate(connection)[-65:]
    for _ in range(16):
        connection = signed_in()
        kill = Kill(agent, dice.uniform(0, 0.1)).start()
        try:
            # Without a pause, so that the kill falls into one of them.
            while signs_with(connection, public):
                signed += 1
        except PcscError as error:
            ended = time.monotonic()
            assert f"0x{error.code:08X}" in REMOVED, error
        assert ended - kill.join() < 45, "no answer in time"
        connection.close()
        agent.restore(signing_card)
    print(f"16 kills among {signed} signatures")
    with signed_in() as connection:
        assert signs_with(connection, public)


def test_pcscd_killed(stack, signing_card):
    """[A1] A new pcscd finds the card without anybody's help."""
    for _ in range(3):
        connection = signed_in()
        stack.pcscd.kill()
        assert sign_or_explain(connection).startswith("0x8010")
        stack.start_pcscd()
        stack.wait_for_card(present=True, timeout=30)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


def test_server_hangs(stack, signing_card):
    """[A1] A server that does not answer: an error within the deadline, the card back when it answers again."""
    connection = signed_in()
    stack.server.hold()
    try:
        assert sign_or_explain(connection) in REMOVED
    finally:
        stack.server.signal(signal.SIGCONT)
    connection.close()
    stack.wait_for_card(present=True, timeout=40)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


def test_server_stays_away(stack, signing_card):
    """[A1] A server that is gone: the card leaves the reader promptly and comes back by itself."""
    connection = signed_in()
    stack.server.kill()
    began = time.monotonic()
    assert sign_or_explain(connection) in REMOVED
    assert time.monotonic() - began < 10, "a refused connection is no reason to wait for the full deadline"
    connection.close()
    stack.wait_for_card(present=False)
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    with signed_in() as connection:
        assert sign_or_explain(connection) == "9000"


@pytest.fixture
def card(stack):
    made = stack.new_card("piv-yubikey5")
    yield made
    made.remove()


def test_agent_killed_while_the_application_resets_the_card(stack, card, dice):
    """[A1] pcsc-lite writes down what came of a reset without a lock: whichever of the two is first, the card is gone."""
    for _ in range(12):
        with connect_patiently() as connection:
            assert connection.sw("00A4040005A000000308") == "9000"
            time.sleep(dice.uniform(0, 0.02))
            stack.agent.kill()
        stack.wait_for_card(present=False)
        stack.start_agent()
        card.insert()


def kill_agent(stack, connection):
    """And lets the application find out: the next command is what a driver must not answer."""
    stack.agent.kill()
    notice(connection)
    stack.wait_for_card(present=False)


def notice(connection):
    with pytest.raises(PcscError):
        connection.sw("00200080")


def waiting_proofs(stack):
    """Proofs of right PINs that the agent does not know to have arrived."""
    return list(stack.agent_state.glob("late-proof-*"))


def log_in_and(stack, break_off, repair, rounds):
    """Rounds of a right PIN after which something dies before its proof is told to have arrived; never a try is lost."""
    for round_number in range(rounds):
        with connect_patiently() as connection:
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000", f"round {round_number}"
            break_off(connection)
        repair()
        with connect_patiently() as connection:
            # The query of a card on which nobody is logged in.
            assert connection.sw("00200080") == "63C3", f"round {round_number}"
        assert not waiting_proofs(stack)


def test_agent_killed_after_a_right_pin(stack, card, dice):
    """[C3] The agent is killed when it has answered 9000, again and again: the next one shows the proofs that were lost, no try
    is missing, and the card never blocks."""
    left = []

    def kill(connection):
        time.sleep(dice.uniform(0, 0.05))
        kill_agent(stack, connection)
        left.extend(waiting_proofs(stack))

    def restart():
        stack.start_agent()
        card.insert()

    log_in_and(stack, kill, restart, 12)
    refunds = [row for row in stack.cli("audit", "list", "--card", card.id, "--limit", "500") if row["action"] == "pin.refund"]
    print(f"12 kills: {len(left)} proofs had not been confirmed, {sum(row['success'] for row in refunds)} tries came back late")
    assert len(refunds) >= len(left)


def test_server_killed_after_a_right_pin(stack, card):
    """[C3] The same with the server: it has forgotten the login, and the agent shows the proof in its next session."""

    def kill(connection):
        stack.server.kill()
        notice(connection)

    def restart():
        stack.start_server()
        stack.wait_for_card(present=True, timeout=30)

    log_in_and(stack, kill, restart, 5)


def test_a_wrong_pin_is_never_refunded(stack, card):
    """[C3] What was guessed stays spent through kills, whatever proofs of right PINs come late in between."""

    def restart_agent():
        with connect_patiently() as connection:
            kill_agent(stack, connection)
        stack.start_agent()
        card.insert()

    with connect_patiently() as connection:
        assert connection.sw(verify_command("000000")) == "63C2"
    restart_agent()
    with connect_patiently() as connection:
        assert tries_left(connection) == 2
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert connection.sw(verify_command("000000")) == "63C2"
    restart_agent()
    with connect_patiently() as connection:
        assert tries_left(connection) == 2
        assert connection.sw(verify_command("000001")) == "63C1"
        assert connection.sw(verify_command("000002")) == "6983"
    restart_agent()
    with connect_patiently() as connection:
        assert tries_left(connection) == 0
        assert connection.sw(verify_command(FACTORY_PIN)) == "6983"


def test_a_proof_that_is_shown_again(stack, card):
    """[C3] A proof that was put aside and back gives nothing back twice."""
    kept = None
    for _ in range(20):
        with connect_patiently() as connection:
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
            kill_agent(stack, connection)
        for path in waiting_proofs(stack):
            kept = (path, path.read_bytes())
        stack.start_agent()
        card.insert()
        if kept:
            break
    if kept is None:
        pytest.skip("the proof was faster than the kill twenty times")
    path, content = kept
    assert len(content) == 64
    with connect_patiently() as connection:
        assert connection.sw(verify_command("000000")) == "63C2"
        kill_agent(stack, connection)
    path.write_bytes(content)
    stack.start_agent()
    card.insert()
    with connect_patiently() as connection:
        assert tries_left(connection) == 2
    assert not waiting_proofs(stack)
