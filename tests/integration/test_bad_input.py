"""What operators and strangers get wrong: each has its exit status, its sentence or its problem type."""

import datetime
import json
import os
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from cardea_stack import build_directory, free_port
from processes import wait_until

PROBLEM = "https://cardea.invalid/problems/"


def cardead(*arguments, timeout=60, env=None):
    return subprocess.run([str(build_directory() / "bin" / "cardead"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def configuration(tmp_path, text):
    path = tmp_path / "cardead.toml"
    path.write_text(text, encoding="utf-8")
    return path


def minimal(tmp_path, extra="", port=None):
    return configuration(tmp_path, f'[server]\nport = {port or free_port()}\ndata_directory = "{tmp_path}/data"\n{extra}')


# -- configuration and start -------------------------------------------------------------------------------------


def test_configuration_missing(tmp_path):
    """[F6] A file that is named and not there."""
    done = cardead("check-config", "--config", tmp_path / "absent.toml")
    assert done.returncode == 2
    assert "absent.toml" in done.stderr


def test_configuration_not_toml(tmp_path):
    """[F6] The line is named."""
    done = cardead("check-config", "--config", configuration(tmp_path, "[server\nport = 1\n"))
    assert done.returncode == 2
    assert "cardead.toml:1" in done.stderr


@pytest.mark.parametrize("text, names", [
    ("[server]\nprot = 1\n", "prot"), ("[sever]\n", "sever"), ('[server]\nport = "many"\n', "port"),
    ("[server]\nport = 700000\n", "port"), ('[log]\nlevel = "loud"\n', "level"), ("[vault]\nworkers = 0\n", "workers"),
])
def test_configuration_wrong(tmp_path, text, names):
    """[F6] Unknown keys, wrong types and values out of range are errors that name the key."""
    done = cardead("check-config", "--config", configuration(tmp_path, text))
    assert done.returncode == 2
    assert names in done.stderr


def test_configuration_good(tmp_path):
    """[F6]"""
    done = cardead("check-config", "--config", minimal(tmp_path))
    assert done.returncode == 0
    assert "configuration is good" in done.stdout


def test_configuration_unreadable(tmp_path):
    """[F6] A directory in the place of the file."""
    (tmp_path / "cardead.toml").mkdir()
    assert cardead("check-config", "--config", tmp_path / "cardead.toml").returncode == 2


def test_port_in_use(tmp_path):
    """[F6] Exit status 3 and a sentence with the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cardead("serve", "--config", minimal(tmp_path, port=port))
    assert done.returncode == 3
    assert str(port) in done.stderr


def test_second_server_on_the_same_data(stack):
    """[F6] The running one is named; it is not disturbed."""
    config = stack.directory / "second.toml"
    config.write_text(f'[server]\nport = {free_port()}\ndata_directory = "{stack.data}"\n')
    done = cardead("serve", "--config", config)
    assert done.returncode == 3
    assert str(stack.server.pid) in done.stderr
    assert stack.https("/readyz").status == 200


def test_module_missing(tmp_path):
    """[B1] A PKCS#11 module that is not there."""
    (tmp_path / "pin").write_text("1234\n")
    done = cardead("serve", "--config", minimal(tmp_path, f'[vault]\nmodule = "/nonexistent/module.so"\npin_file = "{tmp_path}/pin"\n'))
    assert done.returncode == 3
    assert "/nonexistent/module.so" in done.stderr


def test_wrong_hsm_pin(stack, tmp_path):
    """[B1] The token is there, the PIN is not its PIN."""
    (tmp_path / "pin").write_text("000000000\n")
    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "cardea", "--so-pin", "12345678", "--pin", "11111111"],
                   env={**os.environ, "SOFTHSM2_CONF": str(conf)}, check=True, capture_output=True)
    done = cardead("serve", "--config", minimal(
        tmp_path, f'[vault]\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\ntoken_label = "cardea"\npin_file = "{tmp_path}/pin"\n'),
        env={"SOFTHSM2_CONF": str(conf)})
    assert done.returncode == 3
    assert "PIN" in done.stderr
    assert "000000000" not in done.stderr


def test_data_directory_not_writable(tmp_path):
    """[F6] A file where the directory should be."""
    (tmp_path / "data").write_text("")
    done = cardead("serve", "--config", minimal(tmp_path))
    assert done.returncode == 3
    assert "data" in done.stderr


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
                    if b"\r\n\r\n" in answer:
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


@pytest.mark.parametrize("octets, status", [
    (b"\x00" * 64 + b"\r\n\r\n", 400), (b"GARBAGE\r\n\r\n", 400), (b"GET\r\n\r\n", 400), (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    (b"POST /v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414), (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431),
], ids=["zeroes", "word", "method", "version", "length", "target", "fields"])
def test_garbage_http(stack, octets, status):
    """[F6] Nothing that is sent hurts: the status that RFC 9110 has for it, and the server goes on."""
    answer = raw(stack, octets)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:80]
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


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/nothing", 404), ("GET", "/v1/cards", 401), ("POST", "/v1/card-sessions", 401), ("GET", "/v1/admin/organisations", 404),
    ("DELETE", "/v1/card-sessions/none", 401), ("POST", "/v1/card-sessions/none/exchange", 401),
])
def test_unknown_and_unauthorised(stack, method, path, status):
    """[C1] Problem details, RFC 9457; the administrator's routes are not on the network."""
    kind = "application/vnd.cardea.exchange" if path.endswith("exchange") else "application/json"
    got, problem = request(stack, method, path, b"{}" if method == "POST" else None, {"Content-Type": kind} if method == "POST" else {})
    assert got == status
    assert problem["type"].startswith(PROBLEM)
    assert problem["status"] == status
    assert problem["title"]


def test_enrolment_with_unknown_code(stack):
    """[C1] A code that was never given out."""
    body = json.dumps({"code": "AAAA-BBBB-CCCC-DDDD-EEEE", "public_key": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
                       "name": "x", "platform": "linux"}).encode()
    status, problem = request(stack, "POST", "/v1/enrolments", body, {"Content-Type": "application/json"})
    assert (status, problem["type"]) == (403, PROBLEM + "denied")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"code": 7}', b'{"code":"A","code":"B"}', b"\xff\xfe", b'{"code":"' + b"A" * 5000 + b'"}'])
def test_enrolment_malformed(stack, body):
    """[C1] A body that is no enrolment."""
    status, problem = request(stack, "POST", "/v1/enrolments", body, {"Content-Type": "application/json"})
    assert (status, problem["type"]) == (400, PROBLEM + "invalid")


def test_body_too_large(stack):
    """[F6] Refused by its announced length."""
    answer = raw(stack, b"POST /v1/enrolments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:80]
    assert stack.https("/healthz").status == 200


def test_agent_says_what_is_wrong_with_a_code(stack, tmp_path):
    """[C1] An expired code: exit status 1 and a sentence."""
    given = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar", "--valid", "1s")
    code = given["code"]
    expires = datetime.datetime.fromisoformat(given["expires_at"].replace("Z", "+00:00"))
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > expires, 10, "the code expires")
    done = subprocess.run([str(stack.bin / "cardea-agent"), "--state-dir", str(tmp_path / "state"), "enrol", "--server",
                           f"https://127.0.0.1:{stack.port}", "--ca", str(stack.data / "tls" / "ca.pem"), "--code-file", "-"],
                          input=code + "\n", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "expired" in done.stderr
    assert code not in done.stderr


def test_a_code_works_once(stack, tmp_path):
    """[C1]"""
    code = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]

    def enrol(where):
        return subprocess.run([str(stack.bin / "cardea-agent"), "--state-dir", str(tmp_path / where), "enrol", "--server",
                               f"https://127.0.0.1:{stack.port}", "--ca", str(stack.data / "tls" / "ca.pem"), "--code-file", "-"],
                              input=code + "\n", capture_output=True, text=True, timeout=30, check=False)

    assert enrol("first").returncode == 0
    assert enrol("second").returncode == 1


def test_cli_without_server(tmp_path):
    """[F6] The administrator's tool says that nobody listens."""
    done = subprocess.run([str(build_directory() / "bin" / "cardea"), "--socket", str(tmp_path / "none.sock"), "org", "list"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert "none.sock" in done.stderr
