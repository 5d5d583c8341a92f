"""The connection to the server over WinHTTP: whom it trusts, and that nothing is sent twice. [A2] [F1]"""

import re
import socket
import ssl
import threading

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tls_server import Authority, TlsServer
from wine import windows_path

UNAVAILABLE, CORRUPT, DENIED, INVALID = 0, 3, 4, 6  # cardea::Errc


@pytest.fixture(scope="module")
def authority(scratch):
    return Authority(scratch / "ca")


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("server", dns=["localhost"], addresses=["127.0.0.1"])


def answer_all(peer, _number):
    peer.read_introduction()
    while peer.read_request():
        peer.reply()


def probe(wine, port, ca, *requests, host="127.0.0.1", timeout_ms=20000, **more):
    words = [word for request in requests for word in request]
    done = wine.run("https_probe.exe", host, port, windows_path(ca) if ca else "-", timeout_ms, *words, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


GET = ("GET", "/v1/cards", "")
POST = ("POST", "/v1/token", "a=b")


def test_a_request_as_sent_and_its_reply_over_one_connection(wine, authority, leaf):
    with TlsServer(leaf, answer_all) as server:
        assert probe(wine, server.port, authority.file, POST, GET, POST) == ["200 text/plain ok"] * 3
        assert server.connections == 1
        assert len(server.requests) == 4
        head, body = server.requests[1].split("\r\n\r\n", 1)
        assert head.startswith("POST /v1/token HTTP/1.1\r\n") and body == "a=b"
        assert re.search(r"^X-Test: 1\r?$", head, re.MULTILINE) and re.search(r"^Content-Type: text/plain\r?$", head, re.MULTILINE)
        assert server.requests[2].startswith("GET /v1/cards HTTP/1.1\r\n")


def test_a_name_is_as_good_as_an_address(wine, authority, leaf):
    with TlsServer(leaf, answer_all) as server:
        assert probe(wine, server.port, authority.file, GET, host="localhost") == ["200 text/plain ok"]


@pytest.mark.parametrize("what", ["other authority", "other name", "other address", "expired", "a client's", "Windows' own authorities"])
def test_a_server_that_is_not_trusted_hears_nothing(wine, authority, scratch, what):
    leaf = {
        "other authority": lambda: Authority(scratch / "other", "Test authority").leaf("server", addresses=["127.0.0.1"]),
        "other name": lambda: authority.leaf("name", dns=["elsewhere.example"]),
        "other address": lambda: authority.leaf("address", dns=["localhost"], addresses=["127.0.0.2"]),
        "expired": lambda: authority.leaf("old", addresses=["127.0.0.1"], age_days=40),
        "a client's": lambda: authority.leaf("client", addresses=["127.0.0.1"], usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        "Windows' own authorities": lambda: authority.leaf("own", addresses=["127.0.0.1"]),
    }[what]()
    with TlsServer(leaf, answer_all) as server:
        ca = None if what.startswith("Windows") else authority.file
        host = "localhost" if what == "other name" else "127.0.0.1"
        lines = probe(wine, server.port, ca, POST, host=host)
        # Wine says of its own check no more than that there is no connection.
        said = f"error {DENIED} the certificate of " if ca else "error "
        assert len(lines) == 1 and lines[0].startswith(said), lines
    assert all(request.startswith("GET / ") and "X-Test" not in request for request in server.requests), server.requests


def test_tls_1_2_is_not_spoken(wine, authority, leaf):
    with TlsServer(leaf, answer_all, highest=ssl.TLSVersion.TLSv1_2) as server:
        lines = probe(wine, server.port, authority.file, GET)
        if lines == ["200 text/plain ok"]:
            pytest.skip("Wine 8 knows no TLS 1.3 and speaks 1.2 all the same")
        assert len(lines) == 1 and lines[0].startswith(f"error {UNAVAILABLE} "), lines
        assert server.requests == []


def test_a_request_whose_reply_is_lost_is_not_sent_again(wine, authority, leaf):
    """The law of http.h, on a connection that was good for a request before."""

    def script(peer, number):
        if number == 1:
            peer.read_introduction()
        if peer.read_request():
            peer.reply()
            peer.read_request()  # and not a word

    with TlsServer(leaf, script) as server:
        lines = probe(wine, server.port, authority.file, POST, ("POST", "/once", "x"))
        assert lines[0] == "200 text/plain ok"
        assert lines[1].startswith(f"error {UNAVAILABLE} ") or lines[1].startswith(f"error {CORRUPT} "), lines
    assert [request.split(" ")[1] for request in server.requests] == ["/", "/v1/token", "/once"]


def test_a_connection_that_was_closed_while_idle_is_opened_again(wine, authority, leaf):
    closed = threading.Event()

    def script(peer, number):
        if number == 1:
            peer.read_introduction()
        peer.read_request()
        peer.reply()
        if number == 1:
            peer.connection.shutdown(socket.SHUT_RDWR)
            closed.set()

    with TlsServer(leaf, script) as server:
        process = wine.popen("https_probe.exe", "127.0.0.1", server.port, windows_path(authority.file), 20000, *POST, "-", "pause", "",
                             *GET)
        assert process.stdout.readline() == "200 text/plain ok\n"
        assert closed.wait(20)
        out, _ = process.communicate("go\n", timeout=60)
        assert out == "200 text/plain ok\n"
        assert server.connections == 2


def test_a_reply_that_is_cut_off_is_none(wine, authority, leaf):
    def script(peer, _number):
        peer.read_introduction()
        peer.read_request()
        peer.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhalf")

    with TlsServer(leaf, script) as server:
        lines = probe(wine, server.port, authority.file, POST)
        assert len(lines) == 1 and re.match(rf"error ({CORRUPT}|{UNAVAILABLE}) ", lines[0]), lines


def test_a_server_that_does_not_answer_holds_nobody(wine, authority, leaf):
    done = threading.Event()

    def script(peer, _number):
        peer.read_introduction()
        peer.read_request()
        if not done.wait(120):
            done.set()

    with TlsServer(leaf, script) as server:
        try:
            process = wine.popen("https_probe.exe", "127.0.0.1", server.port, windows_path(authority.file), 3000, *POST)
            assert process.stdout.readline() == f"error {UNAVAILABLE} 127.0.0.1:{server.port} did not answer in time\n"
            assert not done.is_set() and process.wait(30) == 0, "the server would go on for longer"
        finally:
            done.set()


def test_nobody_listens(wine, authority):
    with socket.socket() as probed:
        probed.bind(("127.0.0.1", 0))
        port = probed.getsockname()[1]
    assert probe(wine, port, authority.file, GET) == [f"error {UNAVAILABLE} cannot connect to 127.0.0.1:{port}"]


def test_files_and_requests_that_make_no_sense(wine, authority, leaf, scratch):
    (scratch / "none.pem").write_text("nothing\n", encoding="utf-8")
    with TlsServer(leaf, answer_all) as server:
        for path in (scratch / "none.pem", scratch / "missing.pem"):
            assert probe(wine, server.port, path, GET) == [f"error {INVALID} cannot read the CA certificate {windows_path(path)}"]
        assert probe(wine, server.port, authority.file, ("GET", "no slash", "")) == [
            f"error {INVALID} the request has a character that HTTP does not allow there"]
        assert server.requests == []
