"""What operators and strangers get wrong: each has its exit status, its sentence or its problem type."""

import datetime
import json
import os
import re
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cardea_stack import build_directory, free_port
from device_key import DeviceKey
from processes import Child, wait_until

PROBLEM = "https://cardea.invalid/problems/"


def cardead(*arguments, timeout=60, env=None):
    return subprocess.run([str(build_directory() / "bin" / "cardead"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def said(done):
    return done.returncode, done.stdout, done.stderr


def last_line(done):
    """What the program ends with, after its log."""
    return done.stderr.splitlines()[-1]


def configuration(tmp_path, text):
    path = tmp_path / "cardead.toml"
    path.write_text(text, encoding="utf-8")
    return path


def minimal(tmp_path, extra="", port=None):
    return configuration(tmp_path, f'[server]\nport = {port or free_port()}\ndata_directory = "{tmp_path}/data"\n{extra}')


# -- configuration and start -------------------------------------------------------------------------------------


def test_configuration_missing(tmp_path):
    """[F6] A file that is named and not there."""
    path = tmp_path / "absent.toml"
    assert said(cardead("check-config", "--config", path)) == (2, "", f"{path}: cannot be read: No such file or directory\n")


@pytest.mark.parametrize("text, sentence", [
    ("[server\nport = 1\n", "1: Error while parsing table header: expected ']', saw '\\n'"),
    ("[server]\nprot = 1\n", "2: unknown key 'prot' in [server]"), ("[sever]\n", "1: unknown section 'sever'"),
    ('[server]\nport = "many"\n', "2: server.port must be a whole number"),
    ("[server]\nport = 700000\n", "2: server.port is 700000; it must be 0 to 65535"),
    ('[log]\nlevel = "loud"\n', '2: log.level must be one of "trace", "debug", "info", "warn", "error"'),
    ("[vault]\nworkers = 0\n", "2: vault.workers is 0; it must be 1 to 64"),
])
def test_configuration_wrong(tmp_path, text, sentence):
    """[F6] What is no TOML, unknown keys, wrong types and values out of range: the file, the line and what is wrong there."""
    path = configuration(tmp_path, text)
    assert said(cardead("check-config", "--config", path)) == (2, "", f"{path}:{sentence}\n")


def test_configuration_good(tmp_path):
    """[F6]"""
    done = cardead("check-config", "--config", minimal(tmp_path))
    assert done.returncode == 0
    assert "configuration is good" in done.stdout


def test_configuration_unreadable(tmp_path):
    """[F6] A directory in the place of the file."""
    path = tmp_path / "cardead.toml"
    path.mkdir()
    assert said(cardead("check-config", "--config", path)) == (2, "", f"{path}: cannot be read: Is a directory\n")


@pytest.mark.parametrize("verb", ["check-config", "serve"])
def test_configuration_of_somebody_else(verb):
    """[F6] A file that the server's user may not read; root reads everything, so another user asks."""
    with tempfile.TemporaryDirectory(prefix="cardea-") as directory:
        os.chmod(directory, 0o755)
        path = configuration(Path(directory), "[server]\nport = 1\n")
        path.chmod(0o600)
        program = os.open(build_directory() / "bin" / "cardead", os.O_RDONLY)  # the build folder may be root's alone
        try:
            done = subprocess.run([f"/proc/self/fd/{program}", verb, "--config", str(path)], capture_output=True, text=True,
                                  timeout=60, check=False, user=65534, group=65534, extra_groups=[], pass_fds=[program])
        finally:
            os.close(program)
    assert said(done) == (2, "", f"{path}: cannot be read: Permission denied\n")


def test_port_in_use(tmp_path):
    """[F6] Exit status 3 and a sentence with the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cardead("serve", "--config", minimal(tmp_path, port=port))
    assert done.returncode == 3
    assert last_line(done) == f"cardead: cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_first_hour(tmp_path):
    """[B8] A fresh server is stopped and started again before anything was made, or did not come as far as its port: it is no other server
    for that, and its log of changes begins with the first organisation."""
    def cli(*arguments):
        return subprocess.run([str(build_directory() / "bin" / "cardea"), "--socket", f"{tmp_path}/data/admin.sock", "--json", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cardead("serve", "--config", minimal(tmp_path, port=taken.getsockname()[1])).returncode == 3
    config = minimal(tmp_path, "[pool]\nrsa2048 = 0\n")
    for made in ((), ("org", "create", "First Trust"), ("card", "create", "--org", "First Trust", "--profile", "piv-nist")):
        server = Child("cardead", [build_directory() / "bin" / "cardead", "serve", "--config", config], tmp_path / "log").start()
        try:
            wait_until(lambda: cli("status").returncode == 0 or not server.running(), 30, "the server is up")
            done = cli(*made) if made else None
            assert done is None or done.returncode == 0, done
            verified = cli("audit", "verify")
            assert verified.returncode == 0 and json.loads(verified.stdout)["good"], verified
        finally:
            assert server.stop() == 0
        assert "integrity.refused" not in server.text(), server.text()


def test_second_server_on_the_same_data(stack):
    """[F6] The running one is named; it is not disturbed."""
    config = stack.directory / "second.toml"
    config.write_text(f'[server]\nport = {free_port()}\ndata_directory = "{stack.data}"\n')
    done = cardead("serve", "--config", config)
    assert said(done) == (3, "", f"cardead: the database cannot be opened: the database is in use by process {stack.server.pid} "
                                 f"({stack.data}/cardea.db.lock)\n")
    assert stack.https("/readyz").status == 200


def test_module_missing(tmp_path):
    """[B1] A PKCS#11 module that is not there."""
    (tmp_path / "pin").write_text("1234\n")
    done = cardead("serve", "--config", minimal(tmp_path, f'[vault]\nmodule = "/nonexistent/module.so"\npin_file = "{tmp_path}/pin"\n'))
    assert said(done) == (3, "", "cardead: vault.module: /nonexistent/module.so: No such file or directory\n")


def test_wrong_hsm_pin(stack, tmp_path):
    """[B1] The token is there, the PIN is not its PIN: an exit status of its own, after which no service manager starts it again."""
    (tmp_path / "pin").write_text("000000000\n")
    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "cardea", "--so-pin", "12345678", "--pin", "11111111"],
                   env={**os.environ, "SOFTHSM2_CONF": str(conf)}, check=True, capture_output=True)
    done = cardead("serve", "--config", minimal(
        tmp_path, f'[vault]\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\ntoken_label = "cardea"\npin_file = "{tmp_path}/pin"\n'),
        env={"SOFTHSM2_CONF": str(conf)})
    assert said(done) == (4, "", "cardead: the vault cannot be opened: the token refuses the PIN of the user\n")


def test_data_directory_not_writable(tmp_path):
    """[F6] A file where the directory should be."""
    (tmp_path / "data").write_text("")
    done = cardead("serve", "--config", minimal(tmp_path))
    assert said(done) == (3, "", f"cardead: the data directory {tmp_path}/data is not a directory\n")


# -- HTTP --------------------------------------------------------------------------------------------------------


def raw(stack, octets):
    """Octets as they are inside TLS; everything the server says until it closes or falls silent."""
    context = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.pem"))
    with socket.create_connection(("127.0.0.1", stack.port), timeout=15) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(octets)
            connection.settimeout(15)
            answer = b""
            try:
                while True:
                    more = connection.recv(65536)
                    if not more:
                        break
                    answer += more
                    head, end, body = answer.partition(b"\r\n\r\n")
                    announced = re.search(rb"Content-Length: (\d+)", head)
                    if end and len(body) >= (int(announced[1]) if announced else 0):
                        break
            except (TimeoutError, OSError):
                pass
            return answer


def request(stack, method, path, body=None, headers=None):
    """(status, problem or body)."""
    context = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.pem"))
    wanted = urllib.request.Request(f"https://127.0.0.1:{stack.port}{path}", method=method, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(wanted, context=context, timeout=15) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        content = error.read()
        kind = error.headers.get("Content-Type", "")
        return error.code, json.loads(content) if "json" in kind else content


@pytest.mark.parametrize("octets, status, kind, detail", [
    (b"\x00" * 64 + b"\r\n\r\n", 400, "bad-request", "The request line is malformed."),
    (b"GARBAGE\r\n\r\n", 400, "bad-request", "The request line is malformed."),
    (b"GET\r\n\r\n", 400, "bad-request", "The request line is malformed."),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "http-version-not-supported", "This server speaks HTTP/1.1."),
    (b"POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad-request", "Content-Length is malformed."),
    (b"POST /v1/enrolments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n", 413,
     "body-too-large", "The request body is larger than this server takes."),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long", "The request target is too long."),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431, "headers-too-large", "The request has too many headers."),
], ids=["zeroes", "word", "method", "version", "length", "body", "target", "fields"])
def test_garbage_http(stack, octets, status, kind, detail):
    """[F6] Nothing that is sent hurts: the status of RFC 9110, the problem document of RFC 9457, and the server goes on."""
    answer = raw(stack, octets)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:80]
    assert b"Content-Type: application/problem+json" in head.split(b"\r\n")
    document = json.loads(body)
    assert (document["status"], document["type"], document["detail"]) == (status, PROBLEM + kind, detail)
    assert stack.https("/healthz").status == 200


def test_plain_http_and_silence(stack):
    """[F1] No TLS, no answer; and a connection that says nothing holds nothing up."""
    quiet = socket.create_connection(("127.0.0.1", stack.port))
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert not plain.recv(100).startswith(b"HTTP/")
        except OSError:
            pass
    assert stack.https("/healthz").status == 200
    quiet.close()


def test_old_tls_is_refused(stack):
    """[F1] TLS 1.2 is not spoken."""
    context = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as plain:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


NOTHING = (404, "not-found", "There is no such resource.")
NO_TOKEN = (401, "unauthorised", "an access token is needed (Authorization: DPoP …)")
NO_SESSION = (401, "unauthorised", "Show the session's token: Authorization: CardeaSession ...")


@pytest.mark.parametrize("method, path, media_type, expected", [
    ("GET", "/v1/nothing", None, NOTHING), ("GET", "/v1/cards", None, NO_TOKEN), ("GET", "/v1/admin/organisations", None, NOTHING),
    ("POST", "/v1/card-sessions", "application/json", NO_TOKEN), ("DELETE", "/v1/card-sessions/none", None, NO_SESSION),
    ("POST", "/v1/card-sessions/none/exchange", "application/vnd.cardea.exchange", NO_SESSION),
    ("PUT", "/v1/enrolments", None, (405, "method-not-allowed", "Use POST.")),
    ("POST", "/v1/enrolments", "text/plain", (415, "unsupported-media-type", "Send application/json.")),
])
def test_unknown_and_unauthorised(stack, method, path, media_type, expected):
    """[C1] Problem details, RFC 9457; the administrator's routes are not on the network."""
    got, problem = request(stack, method, path, b"{}" if media_type else None, {"Content-Type": media_type} if media_type else {})
    status, kind, detail = expected
    assert (got, problem["status"], problem["type"], problem["detail"]) == (status, status, PROBLEM + kind, detail)


def enrolment(stack, code):
    """(status, type, detail) of an enrolment with this code, of a device that proves its key."""
    key = DeviceKey()
    body = json.dumps({"code": code, "public_key": key.jwk, "name": "x", "platform": "linux"}).encode()
    proof = key.proof("POST", f"https://127.0.0.1:{stack.port}/v1/enrolments", code)
    status, problem = request(stack, "POST", "/v1/enrolments", body, {"Content-Type": "application/json", "DPoP": proof})
    return status, problem["type"], problem["detail"]


def enrol(stack, state, code):
    return subprocess.run([str(stack.bin / "cardea-agent"), "--state-dir", str(state), "enrol", "--server",
                           f"https://127.0.0.1:{stack.port}", "--ca", str(stack.data / "tls" / "ca.pem"), "--code-file", "-"],
                          input=code + "\n", capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def expired_code(stack):
    given = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar", "--valid", "1s")
    expires = datetime.datetime.fromisoformat(given["expires_at"].replace("Z", "+00:00"))
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > expires, 10, "the code expires")
    return given["code"]


UNKNOWN_CODE = "the enrolment code is unknown or was used already"


def test_enrolment_with_unknown_code(stack):
    """[C1] A code that was never given out."""
    assert enrolment(stack, "AAAA-BBBB-CCCC-DDDD-EEEE") == (403, PROBLEM + "denied", UNKNOWN_CODE)


def test_enrolment_with_expired_code(stack, expired_code):
    """[C1] A code that came too late is said to have, once; it is gone then."""
    assert enrolment(stack, expired_code) == (403, PROBLEM + "denied", "the enrolment code has expired")
    assert enrolment(stack, expired_code) == (403, PROBLEM + "denied", UNKNOWN_CODE)


@pytest.mark.parametrize("body, detail", [
    (b"", "the body must be a JSON object"), (b"{", "the body must be a JSON object"), (b"[]", "the body must be a JSON object"),
    (b"\xff\xfe", "the body must be a JSON object"), (b'{"code": 7}', 'the member "code" must be a string'),
    (b'{"code":"A","code":"B"}', 'the member "name" must be a string'),
    (b'{"code":"' + b"A" * 5000 + b'"}', 'the member "name" must be a string'),
])
def test_enrolment_malformed(stack, body, detail):
    """[C1] A body that is no enrolment."""
    status, problem = request(stack, "POST", "/v1/enrolments", body, {"Content-Type": "application/json"})
    assert (status, problem["type"], problem["detail"]) == (400, PROBLEM + "invalid", detail)


def test_agent_says_what_is_wrong_with_a_code(stack, tmp_path, expired_code):
    """[C1] An expired code: exit status 1 and a sentence."""
    assert said(enrol(stack, tmp_path / "state", expired_code)) == (1, "", "cardea-agent: the enrolment code has expired\n")


def test_a_code_works_once(stack, tmp_path):
    """[C1]"""
    code = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]
    assert enrol(stack, tmp_path / "first", code).returncode == 0
    assert said(enrol(stack, tmp_path / "second", code)) == (1, "", f"cardea-agent: {UNKNOWN_CODE}\n")


def test_cli_without_server(tmp_path):
    """[F6] The administrator's tool says that nobody listens."""
    done = subprocess.run([str(build_directory() / "bin" / "cardea"), "--socket", str(tmp_path / "none.sock"), "org", "list"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert said(done) == (3, "", f"cardea: no server answers at {tmp_path}/none.sock: No such file or directory\n")
