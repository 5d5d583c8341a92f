"""Authorities on the network: EST over TLS (a server of the tests' own, since Debian has none) and CMP with OpenSSL's own server."""

import json
import os
import subprocess

import pytest
from cardea_stack import READER, ROOT, free_port
from est_server import EstServer, make_ca, openssl, sign
from processes import Child, wait_until

PLANS = ROOT / "cms-connector" / "perso" / "plans"


@pytest.fixture
def cms(stack, tool, tmp_path):
    def run(verb, *more, status=0, plan=PLANS / "piv-p256.json"):
        words = [stack.bin / "cardea-cms", verb, "--reader", READER, "--state", tmp_path / "state.json", "--execute", "--json", *more]
        if verb == "issue":
            words += ["--plan", plan, "--subject", "CN=Ada Example,O=Example Trust", "--email", "ada@example.org", "--keep-secrets"]
        return tool(*words, status=status)

    return run


def secret(path, text):
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def certificate(tool, path, slot="9a"):
    tool("yubico-piv-tool", "-r", READER, "-a", "read-certificate", "-s", slot, "-o", path)
    return path


def test_est(cms, card, tool, tmp_path):
    """[A2] [RFC7030#4.2.1] Four certificates from an EST server that wants a password and a TLS certificate, and asks once to come back."""
    registrars = make_ca(tmp_path, "registrars")
    key, own = sign(registrars, tmp_path, "ra", "/CN=registration authority")
    with EstServer(tmp_path / "est", basic=("ra", "s3cret:x"), client_ca=registrars[1]) as server:
        server.scripted = [(202, {"Retry-After": "1"}, b"")]
        options = ["--ca-est", server.url, "--ca-trust", server.ca[1], "--ca-cert", own, "--ca-key", key, "--ca-basic-file",
                   secret(tmp_path / "basic", "ra:s3cret:x")]
        summary = json.loads(cms("issue", *options).stdout)
        assert summary["result"] == "issued" and sorted(summary["slots"]) == ["9A", "9C", "9D", "9E"]
        assert [request[:2] for request in server.requests] == \
            [("GET", "/.well-known/est/cacerts")] + [("POST", "/.well-known/est/simpleenroll")] * 5
        assert {request[2:] for request in server.requests[1:]} == {("application/pkcs10", "base64")}
        for slot in ("9a", "9c", "9d", "9e"):
            assert tool("openssl", "verify", "-CAfile", server.ca[1], certificate(tool, tmp_path / f"{slot}.pem", slot)).stdout.strip().endswith("OK")
        assert "email:ada@example.org" in tool("openssl", "x509", "-in", tmp_path / "9c.pem", "-noout", "-ext", "subjectAltName").stdout
        fetched = tool(cms_program(), "ca", "certificates", *options, "--out", tmp_path / "fetched.pem").stdout
        assert fetched.startswith("1 certificates written")
        assert openssl("x509", "-in", tmp_path / "fetched.pem", "-outform", "DER") == openssl("x509", "-in", server.ca[1], "-outform", "DER")


def cms_program():
    from cardea_stack import build_directory

    return build_directory() / "bin" / "cardea-cms"


def test_est_refuses_and_the_card_is_finished_later(cms, card, tmp_path):
    """[A2] Each refusal has a sentence and exit code 4; resuming goes on with the request that was made."""
    with EstServer(tmp_path / "est", basic=("ra", "secret")) as server:
        trust = ["--ca-est", server.url, "--ca-trust", server.ca[1]]
        assert "wants credentials" in cms("issue", *trust, status=4).stderr
        wrong = ["--ca-basic-file", secret(tmp_path / "wrong", "ra:wrong")]
        refused = cms("resume", *trust, *wrong, status=4).stderr
        assert "(HTTP 401: who is there?)" in refused and "ra:wrong" not in refused
        good = [*trust, "--ca-basic-file", secret(tmp_path / "basic", "ra:secret")]
        pkcs7 = {"Content-Type": "application/pkcs7-mime"}
        for answer, sentence in [
                ((202, {"Retry-After": "3600"}, b""), "asks to come back in 3600 s; resume then"),
                ((202, {}, b""), "without saying when (Retry-After)"),
                ((400, {"Content-Type": "text/plain"}, b"no such\x1b[31m profile\r\nmore"), "does not accept the request (HTTP 400: no such [31m profile)"),
                ((403, {}, b""), "does not allow it"), ((404, {}, b""), "has no simpleenroll at this URL"), ((503, {}, b""), "refuses (HTTP 503)"),
                ((200, pkcs7, b"!!!!"), "is not base64"), ((200, pkcs7, b"AAAA"), "is not a PKCS#7 message"),
                ((200, pkcs7, server.certs_only([server.tls[1]])), "holds no certificate for the card's key")]:
            server.scripted = [answer]
            said = cms("resume", *good, status=4).stderr
            assert sentence in said and "cardea-cms resume --state" in said, sentence
        other = make_ca(tmp_path, "another")
        server.issued_by = other
        assert "by none of the authorities" in cms("resume", *good, status=4).stderr
        server.issued_by = server.ca
        assert "is not to be trusted" in cms("resume", "--ca-est", server.url, "--ca-trust", other[1], *good[4:], status=4).stderr
        local = server.url.replace("127.0.0.1", "localhost")
        assert "it is for another host" in cms("resume", "--ca-est", local, *good[2:], status=4).stderr
        assert json.loads(cms("resume", *good).stdout)["result"] == "issued"


def test_est_trusts_nobody_but_those_named(cms, card, tmp_path, monkeypatch):
    """[A2] [RFC7030#3.3.1] An EST server that the system's authorities vouch for, but not --ca-trust, is refused: exit code 4, and it is told nothing."""
    other = make_ca(tmp_path, "another")
    with EstServer(tmp_path / "est", basic=("ra", "secret")) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca[1]))
        basic = ["--ca-basic-file", secret(tmp_path / "basic", "ra:secret")]
        assert "is not to be trusted" in cms("issue", "--ca-est", server.url, "--ca-trust", other[1], *basic, status=4).stderr
        assert server.requests == []


@pytest.mark.parametrize(("options", "sentence"), [
    (["--ca-est", "http://localhost"], "EST needs TLS"),
    (["--ca-est", "https://localhost"], "--ca-trust"),
    (["--ca-cmp", "localhost/pkix"], "is not of the form http[s]://"),
    (["--ca-cmp", "http://localhost/pkix"], "--ca-secret-file and --ca-ref"),
])
def test_wrong_options(stack, tool, tmp_path, options, sentence):
    """[A2] Exit code 2 and a sentence, before a card is looked for."""
    words = [stack.bin / "cardea-cms", "issue", "--plan", PLANS / "piv-p256.json", "--subject", "CN=Ada", "--keep-secrets", "--state",
             tmp_path / "state.json", "--execute", *options]
    assert sentence in tool(*words, status=2).stderr


class CmpServer:
    """`openssl cmp` as a server; it gives everybody the one certificate that it was started with."""

    def __init__(self, directory, answer, *more):
        self.port = free_port()
        self.secret = secret(directory / "cmp-secret", "correct horse")
        self.log = directory / f"cmp-{self.port}.log"
        self.child = Child("openssl cmp", ["openssl", "cmp", "-config", "", "-port", self.port, "-srv_ref", "4711", "-srv_secret",
                                           f"file:{self.secret}", "-rsp_cert", answer, *more], self.log)

    def __enter__(self):
        self.child.start()
        wait_until(lambda: "ACCEPT" in self.child.text(), 20, "openssl cmp listens")
        return self

    def __exit__(self, *_):
        self.child.kill()

    def options(self, known=None):
        return ["--ca-cmp", f"http://127.0.0.1:{self.port}/pkix/", "--ca-ref", "4711", "--ca-secret-file", known or self.secret]


@pytest.fixture
def one_slot(tmp_path):
    plan = json.loads((PLANS / "piv-p256.json").read_text(encoding="utf-8"))
    plan["slots"] = plan["slots"][:1]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


def test_cmp(cms, card, tool, tmp_path, one_slot):
    """[A2] [RFC4210#5.3.4] OpenSSL's CMP server answers the card's request; its refusals are sentences, and the card is finished afterwards."""
    authority = make_ca(tmp_path, "cmp-ca")
    cms("issue", "--ca-command", f"cat > {tmp_path}/request.pem; exit 1", plan=one_slot, status=4)
    openssl("x509", "-req", "-in", tmp_path / "request.pem", "-CA", authority[1], "-CAkey", authority[0], "-CAcreateserial", "-days", "5",
            "-copy_extensions", "copy", "-out", tmp_path / "answer.pem")

    with CmpServer(tmp_path, tmp_path / "answer.pem", "-pkistatus", "2", "-failure", "19", "-statusstring", "no such template") as server:
        refused = cms("resume", *server.options(), status=4).stderr
        assert 'refuses (rejection, badCertTemplate: "no such template")' in refused, refused
    assert "does not answer" in cms("resume", *server.options(), status=4).stderr
    with CmpServer(tmp_path, tmp_path / "answer.pem", "-poll_count", "1", "-check_after", "1") as server:
        wrong = secret(tmp_path / "wrong", "wrong horse")
        said = cms("resume", *server.options(wrong), status=4).stderr
        assert "do not have the same secret" in said and "horse" not in said
        assert json.loads(cms("resume", *server.options()).stdout)["result"] == "issued"
    assert tool("openssl", "verify", "-CAfile", authority[1], certificate(tool, tmp_path / "9a.pem")).stdout.strip().endswith("OK")


def test_cmp_with_signatures(cms, card, tool, tmp_path, one_slot):
    """[A2] The registration authority signs its messages, and the server's answers have to lead to the trust anchor."""
    authority = make_ca(tmp_path, "cmp-ca")
    key, own = sign(authority, tmp_path, "ra", "/CN=registration authority", "keyUsage=digitalSignature\n")
    other = make_ca(tmp_path, "another")
    cms("issue", "--ca-command", f"cat > {tmp_path}/request.pem; exit 1", plan=one_slot, status=4)
    openssl("x509", "-req", "-in", tmp_path / "request.pem", "-CA", authority[1], "-CAkey", authority[0], "-CAcreateserial", "-days", "5",
            "-out", tmp_path / "answer.pem")
    with CmpServer(tmp_path, tmp_path / "answer.pem", "-srv_cert", authority[1], "-srv_key", authority[0], "-srv_trusted", authority[1]) as server:
        identity = [*server.options()[:2], "--ca-cert", own, "--ca-key", key]
        said = cms("resume", *identity, "--ca-trust", other[1], status=4).stderr
        assert "does not lead to --ca-trust" in said, said
        assert json.loads(cms("resume", *identity, "--ca-trust", authority[1]).stdout)["result"] == "issued"


def test_secrets_are_not_on_the_command_line(cms, card, tmp_path, one_slot):
    """[B9] What `openssl cmp` is started with names the file of the secret, not the secret."""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "openssl").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\necho "CMP error: Connection refused" >&2\nexit 1\n', encoding="utf-8")
    (fake / "openssl").chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{fake}:{path}"
    try:
        cms("issue", "--ca-cmp", "http://127.0.0.1:1/pkix/", "--ca-ref", "4711", "--ca-secret-file", secret(tmp_path / "secret", "correct horse"),
            plan=one_slot, status=4)
    finally:
        os.environ["PATH"] = path
    words = (tmp_path / "words").read_text(encoding="utf-8")
    assert f"-secret file:{tmp_path}/secret" in words and "horse" not in words
    assert subprocess.run(["openssl", "version"], capture_output=True, check=True).stdout.startswith(b"OpenSSL 3")
