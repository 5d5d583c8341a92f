"""What the holder does with the card: SSH login, TLS client login."""

import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from cardea_stack import FACTORY_PIN, OPENSC_MODULE, free_port
from pcsc import Connection
from processes import Child, wait_until


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def sshd(tmp_path, tool):
    """A loopback sshd; (port, file of authorised keys)."""
    port = free_port()
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "host_key")
    keys = tmp_path / "authorized_keys"
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host_key\nAuthorizedKeysFile {keys}\nStrictModes no\n"
        "PasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n", encoding="utf-8")
    daemon = Child("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", tmp_path / "sshd_config"], tmp_path / "sshd.log").start()
    wait_until(lambda: listening(port), 10, "sshd listens")
    yield port, keys
    daemon.stop()


def askpass(tmp_path, pin):
    """A program that prints the PIN, as a graphical prompt would hand it over."""
    script = tmp_path / "askpass"
    script.write_text(f"#!/bin/sh\necho {pin}\n")
    script.chmod(0o700)
    return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}


def ssh(port, environment, tmp_path):
    return subprocess.run(
        ["ssh", "-F", "/dev/null", "-p", str(port), "-I", OPENSC_MODULE, "-o", "StrictHostKeyChecking=no", "-o",
         f"UserKnownHostsFile={tmp_path}/known_hosts", "-o", "IdentitiesOnly=no", "-o", "IdentityFile=none",
         "-o", "NumberOfPasswordPrompts=1", "127.0.0.1", "echo logged in with the card"],
        capture_output=True, text=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, timeout=120, check=False)


def authentication_key(tool):
    """The public key of 9A alone: with all four allowed, ssh spends a PIN try on each."""
    keys = [line for line in tool("ssh-keygen", "-D", OPENSC_MODULE).stdout.splitlines() if line.endswith("PIV AUTH pubkey")]
    assert len(keys) == 1, keys
    return keys[0] + "\n"


def test_ssh_login(provisioned, sshd, tool, tmp_path):
    """[A1][A4] ssh signs in with the key in 9A."""
    port, authorized = sshd
    authorized.write_text(authentication_key(tool))
    done = ssh(port, askpass(tmp_path, FACTORY_PIN), tmp_path)
    assert done.stdout == "logged in with the card\n", done.stderr


def test_ssh_login_with_wrong_pin_fails(provisioned, sshd, tool, tmp_path):
    """[C3] The wrong PIN opens nothing and spends a try; the right one afterwards restores the counter."""
    port, authorized = sshd
    authorized.write_text(authentication_key(tool))
    assert ssh(port, askpass(tmp_path, "000000"), tmp_path).returncode == 255
    with Connection() as connection:
        assert connection.sw("00200080") == "63C2"
    done = ssh(port, askpass(tmp_path, FACTORY_PIN), tmp_path)
    assert (done.returncode, done.stdout) == (0, "logged in with the card\n"), done.stderr
    with Connection() as connection:
        assert connection.sw("00200080") == "9000"  # ssh leaves the card verified; 0.7
        connection.reconnect()
        assert connection.sw("00200080") == "63C3"


@pytest.fixture
def tls_server(provisioned, tmp_path, tool, pkcs11):
    """A TLS 1.3 server that answers the subject of the client's certificate; (port, errors it met)."""
    tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.pem", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "3")
    pkcs11("--read-object", "--type", "cert", "--id", "01", "-o", "client.der")
    tool("openssl", "x509", "-inform", "der", "-in", "client.der", "-out", "client.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener, errors = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    name = dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]
                    connection.recv(4096)
                    body = f"hello {name}\n".encode()
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    connection.unwrap()
            except OSError as error:
                errors.append(str(error))

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], errors
    listener.close()


def test_tls_login_with_curl(tls_server, tool, tmp_path):
    """[A4] curl through the PKCS#11 engine, TLS 1.3, with the key in 9A."""
    port, errors = tls_server
    out = tool("curl", "-sS", "--cacert", "server.pem", "--engine", "pkcs11", "--key-type", "ENG", "--key",
               f"pkcs11:id=%01;type=private;pin-value={FACTORY_PIN}", "--cert", "client.pem",
               f"https://localhost:{port}/", env={"PKCS11_MODULE_PATH": OPENSC_MODULE}).stdout
    assert not errors
    assert out == "hello holder 9a\n"


def test_tls_login_with_gnutls(tls_server, tmp_path):
    """[A4] gnutls-cli, TLS 1.3, the same key."""
    port, errors = tls_server
    url = f"pkcs11:id=%01;type=private;pin-value={FACTORY_PIN}"
    request, keep_open = os.pipe()  # at the end of its input gnutls-cli hangs up without waiting for the answer
    os.write(keep_open, b"GET / HTTP/1.0\r\n\r\n")
    try:
        done = subprocess.run(
            ["gnutls-cli", "--x509cafile", "server.pem", "--provider", OPENSC_MODULE, "--x509keyfile", url, "--x509certfile",
             "client.pem", "--port", str(port), "localhost"],
            stdin=request, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    finally:
        os.close(keep_open)
        os.close(request)
    assert "hello holder 9a" in done.stdout.splitlines(), f"{errors}\n{done.stdout}\n{done.stderr}"
    assert "- Description: (TLS1.3-X.509)" in done.stdout
    assert not errors
