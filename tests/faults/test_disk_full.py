"""The data directory's file system is full while the server runs: writing is refused, reading goes on, nothing acknowledged is lost."""

import http.client
import json
import socket
import subprocess
from hashlib import sha256

import pytest

import piv
from cardea_stack import FACTORY_PIN, Stack, running
from faultlib import STATUS, connect_patiently, tries_left
from pcsc import Connection, verify_command

DIGEST = sha256(b"letter").digest()
NOT_ENOUGH_MEMORY = "6A84"  # ISO/IEC 7816-4, 5.6: not enough memory space in the file
NO_ROOM = "no room left for the database: database or disk is full"
RESET_WRONGLY = "002C008010" + b"00000000999999".hex() + "FFFF"
CHANGE_RIGHTLY = "0024008010" + (b"123456\xff\xff" + b"654321\xff\xff").hex()


@pytest.fixture(scope="module")
def stack(scratch):
    """A stack whose data directory is a file system of 12 MiB, in this process's own mount namespace."""
    small = Stack(scratch / "full")
    small.data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "none", str(small.data)], check=True)
    try:
        with running(small, stop=False) as started:
            yield started
    finally:
        subprocess.run(["umount", "-l", str(small.data)], check=False)


def fill(stack):
    """Takes what room is left, to the last octet."""
    with open(stack.data / "filler", "ab", buffering=0) as filler:
        size = 1 << 20
        while size:
            try:
                if filler.write(bytes(size)) < size:
                    size //= 2
            except OSError:
                size //= 2


def administrator_posts(stack, path, body):
    """(status, media type, document), over the administrator's socket."""
    connection = http.client.HTTPConnection("cardead")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(30)
    connection.sock.connect(str(stack.data / "admin.sock"))
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.getheader("Content-Type"), json.loads(reply.read())
    finally:
        connection.close()


def make_room(stack):
    (stack.data / "filler").unlink()


def value(number):
    return bytes([number & 0xFF, number >> 8]) * 1400


def put(connection, number):
    """One of the objects 5FC10D…5FC120, in turn; (tag, value, status word)."""
    tag = f"5FC1{0x0D + number % 16:02X}"
    return tag, value(number), piv.put_object(connection, tag, value(number))


def write_until_refused(connection, acknowledged):
    """Pages that the database already has are still good for some writes: goes on until one is refused."""
    for number in range(20_000):
        tag, octets, sw = put(connection, number)
        if sw != "9000":
            return tag, sw
        acknowledged[tag] = octets
    raise AssertionError("the disk is never full")


def assert_all_there(connection, acknowledged):
    for tag, octets in acknowledged.items():
        assert piv.get_object(connection, tag) == octets, tag


def test_disk_full(stack):
    """[A3] Full: writes answer 6A84, reads and signatures go on; with room again everything works and all that was acknowledged is there."""
    made = stack.new_card("piv-yubikey5")
    acknowledged = {}
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
        for number in range(16):
            tag, octets, sw = put(connection, number)
            assert sw == "9000"
            acknowledged[tag] = octets
        fill(stack)
        tag, sw = write_until_refused(connection, acknowledged)
        assert sw == NOT_ENOUGH_MEMORY, sw
        for _ in range(3):
            fill(stack)
            assert put(connection, 7)[2] == NOT_ENOUGH_MEMORY
        assert_all_there(connection, acknowledged)
        assert connection.sw(STATUS) == "63C3"
        assert stack.https("/healthz").status == 200

        make_room(stack)
        tag, octets, sw = put(connection, 4711)
        assert sw == "9000", "with room again the next write works"
        acknowledged[tag] = octets
        assert_all_there(connection, acknowledged)
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert piv.sign_p256(connection, DIGEST)[1] == "9000"
    assert stack.https("/readyz").status == 200

    stack.server.kill()
    stack.start_server()
    with connect_patiently() as connection:
        assert_all_there(connection, acknowledged)
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert piv.sign_p256(connection, DIGEST)[1] == "9000"
    made.remove()


def test_disk_full_and_wrong_pins(stack):
    """[C3] A try that cannot be written down is not answered as a try: no right PIN is accepted for free, no counter is above the truth."""
    made = stack.new_card("piv-yubikey5")
    counted = refused = 0
    with Connection() as connection:
        piv.authenticate(connection)
        fill(stack)
        write_until_refused(connection, {})
        for _ in range(2):
            fill(stack)
            sw = connection.sw(verify_command("000000"))
            if sw == f"63C{2 - counted}":
                counted += 1
            else:
                assert sw == NOT_ENOUGH_MEMORY
                refused += 1
        assert tries_left(connection) <= 3 - counted
        for command in (RESET_WRONGLY, CHANGE_RIGHTLY):
            write_until_refused(connection, {})
            fill(stack)
            assert connection.sw(command) == NOT_ENOUGH_MEMORY
        make_room(stack)
    print(f"wrong tries on a full disk: {counted} counted, {refused} refused")
    stack.server.kill()
    stack.start_server()
    with connect_patiently() as connection:
        assert 3 - counted - refused <= tries_left(connection) <= 3 - counted
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert tries_left(connection) == 3
    made.remove()


def test_disk_full_and_administration(stack):
    """[F6] Requests are 507, the tool's exit status is 1 with a sentence, the log says that it failed; reading goes on, nothing is half done."""
    made = stack.new_card("piv-yubikey5")
    before = stack.cli("card", "list", "--org", stack.organisation)
    with Connection() as connection:
        piv.authenticate(connection)
        fill(stack)
        write_until_refused(connection, {})
    for command in (["org", "create", "Another Trust"], ["card", "block", made.id], ["user", "create", "--org", stack.organisation, "--name", "Ada Example"],
                    ["card", "create", "--org", stack.organisation, "--profile", "piv-nist", "--label", "none"],
                    ["device", "code", "--org", stack.organisation, "--role", "registrar"]):
        fill(stack)
        done = subprocess.run([stack.bin / "cardea", "--socket", stack.data / "admin.sock", *command], capture_output=True, text=True,
                              timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"cardea: {NO_ROOM}\n"), command
    fill(stack)
    status, kind, document = administrator_posts(stack, "/v1/admin/organisations", {"name": "Another Trust"})
    assert (status, kind) == (507, "application/problem+json")
    assert document == {"type": "https://cardea.invalid/problems/insufficient-storage", "title": "The server has no room left",
                        "status": 507, "detail": NO_ROOM}
    assert f"card.block subject={made.id} success=false" in stack.server.text()
    assert f"card.block subject={made.id} success=true" not in stack.server.text()
    assert stack.cli("card", "list", "--org", stack.organisation) == before
    make_room(stack)
    assert [row["name"] for row in stack.cli("org", "list")] == [stack.organisation]
    stack.cli("card", "block", made.id)
    assert stack.cli("card", "show", made.id)["state"] == "blocked"
    made.remove()


def test_disk_full_and_enrolment(stack):
    """[C1] Over HTTPS too: the agent says why, keeps nothing, and the same code is good once there is room."""
    made = stack.new_card("piv-yubikey5")
    code = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]
    with Connection() as connection:
        piv.authenticate(connection)
        fill(stack)
        write_until_refused(connection, {})
    fill(stack)
    state = stack.directory / "late"

    def enrol():
        done = subprocess.run([stack.bin / "cardea-agent", "--state-dir", state, "enrol", "--server", f"https://127.0.0.1:{stack.port}",
                               "--ca", stack.data / "tls" / "ca.pem", "--code-file", "-"], input=code + "\n", capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    assert enrol() == (3, "", f"cardea-agent: {NO_ROOM}\n")
    assert not (state / "device.json").exists()
    make_room(stack)
    assert enrol()[0] == 0
    assert (state / "device.json").exists()
    made.remove()


def test_restart_on_a_full_disk(stack):
    """[A3] Killed and started again without room: the server starts and reads what is there; with room it writes."""
    made = stack.new_card("piv-yubikey5")
    acknowledged = {}
    with Connection() as connection:
        piv.authenticate(connection)
        for number in range(4):
            tag, octets, sw = put(connection, number)
            assert sw == "9000"
            acknowledged[tag] = octets
        fill(stack)
    stack.server.kill()
    stack.start_server()
    with connect_patiently() as connection:
        assert_all_there(connection, acknowledged)
        make_room(stack)
        piv.authenticate(connection)
        assert put(connection, 3)[2] == "9000"
    made.remove()
