"""SIGTERM while exchanges run: each is answered or cleanly refused, the exit status is 0 within 15 seconds."""

import socket
import ssl
import threading
import time
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN
from faultlib import REMOVED, alive, asked, connect_patiently, signers
from pcsc import Connection, PcscError, verify_command
from processes import hold, wait_until

DIGEST = sha256(b"letter").digest()
LIMIT = 15


def stop_in_time(stack):
    workers = signers(stack.server.pid)
    assert workers, "no signer runs"
    began = time.monotonic()
    assert stack.server.stop(LIMIT) == 0, stack.server.text()[-2000:]
    took = time.monotonic() - began
    wait_until(lambda: not any(map(alive, workers)), 5, "no signer outlives the server")
    assert not (stack.data / "admin.sock").exists()
    return took


def test_stop_during_signatures(stack, dice):
    """[F6] Eight stops at random points of a stream of signatures: what was answered was right, nothing hangs."""
    made = stack.new_card("piv-yubikey5")
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    answered = refused = 0
    for _ in range(8):
        with connect_patiently() as connection:
            assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
            first = threading.Event()
            answers = []

            def sign(connection=connection, answers=answers, first=first):
                try:
                    while True:
                        answers.append(piv.sign_p256(connection, DIGEST)[1])
                        first.set()
                except PcscError as error:
                    answers.append(error)
                finally:
                    first.set()

            signer = threading.Thread(target=sign)
            signer.start()
            assert first.wait(30)
            time.sleep(dice.uniform(0, 0.02))
            stop_in_time(stack)
            signer.join(30)
            assert not signer.is_alive(), "the application hangs"
        assert isinstance(answers[-1], PcscError), answers[-1]
        assert set(answers[:-1]) <= {"9000", "6F00"}, answers[:-1]
        answered += answers.count("9000")
        refused += answers.count("6F00")
        stack.start_server()
        stack.wait_for_card(present=True, timeout=30)
    print(f"{answered} signatures answered, {refused} refused while stopping")
    made.remove()


# {RSA-2048, RSA-3072: what GENERATE and GET METADATA answer where there is a key; the public key of 265 or 393 octets, in templates of 5 and
# 14 more, is longer than the 256 that are asked for}
ANSWERS = {"07": ("610E", "6117"), "05": ("618E", "6197")}


@pytest.mark.parametrize("algorithm", ANSWERS)
def test_stop_during_generation(stack, algorithm):
    """[F6] A key that is being made when the server stops: made and answered, and then it is there, or refused."""
    made = stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        result = []

        def generate():
            try:
                result.append(connection.sw(f"0047009A05AC038001{algorithm}00"))
            except PcscError as error:
                result.append(error)

        maker = threading.Thread(target=generate)
        maker.start()
        time.sleep(0.01)
        took = stop_in_time(stack)
        maker.join(30)
        assert not maker.is_alive(), "the application hangs"
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    print(f"algorithm {algorithm}: {result[0]}, stopped in {took:.2f} s")
    answered, there = ANSWERS[algorithm]
    with connect_patiently() as connection:
        sw = connection.sw("00F7009A00")  # GET METADATA of the slot
    if isinstance(result[0], PcscError):
        # Nobody was told whether the key was made.
        assert f"0x{result[0].code:08X}" in REMOVED and sw in (there, "6A88"), (result, sw)
    else:
        assert (result[0], sw) in ((answered, there), ("6F00", "6A88"))
    made.remove()


def test_stop_with_slow_strangers_and_a_key_that_takes_long(stack):
    """[F6] Half a request on each socket, and a key that stopped signers never finish: nobody holds up the end."""
    made = stack.new_card("piv-yubikey5")
    context = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.pem"))
    half = b"POST /v1/admin/organisations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    with connect_patiently() as connection, socket.socket(socket.AF_UNIX) as local, \
            socket.create_connection(("127.0.0.1", stack.port)) as plain, \
            context.wrap_socket(socket.create_connection(("127.0.0.1", stack.port)), server_hostname="127.0.0.1") as public:
        local.connect(str(stack.data / "admin.sock"))
        local.sendall(half)
        public.sendall(half.replace(b"/v1/admin/organisations", b"/v1/enrolments"))
        plain.sendall(b"\x16")
        assert stack.https("/healthz").status == 200  # by now the server has read what was sent before
        piv.authenticate(connection)
        workers = signers(stack.server.pid)
        for worker in workers:
            hold(worker)
        result = []

        def generate():
            try:
                result.append(connection.sw("0047009A05AC0380010700"))
            except PcscError as error:
                result.append(error)

        maker = threading.Thread(target=generate)
        maker.start()
        wait_until(lambda: asked(workers), 20, "a signer is asked for the key")
        print(f"stopped in {stop_in_time(stack):.2f} s")
        maker.join(30)
        assert not maker.is_alive(), "the application hangs"
        # It is waited for until the last moment, and then there is no server to answer.
        assert isinstance(result[0], PcscError) and f"0x{result[0].code:08X}" in REMOVED, result
    stack.start_server()
    stack.wait_for_card(present=True, timeout=30)
    made.remove()
