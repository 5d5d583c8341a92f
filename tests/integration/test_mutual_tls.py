"""A server that asks its clients for certificates ([tls] client_ca): the workstation shows one, and without it nothing is heard."""

import json
import os
import subprocess

import pytest

import piv
from cardea_stack import FACTORY_PIN, Stack, running
from pcsc import Connection, verify_command


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class Authority:
    """A certificate authority for clients, by openssl."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.certificate, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self._key, "-out",
                self.certificate, "-subj", f"/CN={name}", "-days", "3")

    def issue(self, name):
        """(certificate, key, both in one) for a client."""
        certificate, key, both = (self.directory / f"{name}.{end}" for end in ("crt", "key", "both.pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                self.directory / f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", self.directory / f"{name}.csr", "-CA", self.certificate, "-CAkey", self._key, "-out", certificate,
                "-days", "3")
        both.touch(mode=0o600)
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        return certificate, key, both


@pytest.fixture(scope="module")
def authority(scratch):
    directory = scratch / "clients"
    directory.mkdir()
    return Authority(directory, "clients")


@pytest.fixture(scope="module")
def stack(scratch, authority):
    with running(Stack(scratch / "mtls", server_config=f'[tls]\nclient_ca = "{authority.certificate}"\n',
                       client_pem=authority.issue("workstation")[2])) as started:
        yield started


def agent(stack, state, *arguments, text=None):
    done = subprocess.run([str(part) for part in (stack.bin / "cardea-agent", "--state-dir", state, *arguments)], input=text,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def enrol(stack, state, code, *more):
    return agent(stack, state, "enrol", "--server", f"https://127.0.0.1:{stack.port}", "--ca", stack.data / "tls" / "ca.pem",
                 "--code-file", "-", *more, text=code + "\n")


def not_accepted(stack):
    return 1, "", f"cardea-agent: 127.0.0.1:{stack.port} does not accept this client's certificate\n"


def code_for(stack):
    return stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]


def test_card_is_used(stack):
    """[A1] [C4] Enrolled, and the daemon after it: the card is in the reader and signs. The key that is kept is its owner's alone."""
    card = stack.new_card()
    with Connection() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        assert piv.sign_p256(connection, bytes(32))[1] == "9000"
    card.remove()
    kept = stack.agent_state / "client.pem"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads((stack.agent_state / "device.json").read_text(encoding="utf-8"))["client_certificate"] == str(kept)


def test_enrolment_without_and_with(stack, authority, tmp_path):
    """[C4] None, and one of somebody else's authority: refused before the code is spent; with the right one it still works."""
    code = code_for(stack)
    assert enrol(stack, tmp_path / "state", code) == not_accepted(stack)
    stranger = Authority(tmp_path, "strangers").issue("stranger")
    assert enrol(stack, tmp_path / "state", code, "--client-certificate", stranger[2]) == not_accepted(stack)
    assert not (tmp_path / "state" / "client.pem").exists()
    certificate, key, _ = authority.issue("second")
    status, said, error = enrol(stack, tmp_path / "state", code, "--client-certificate", certificate, "--client-key", key)
    assert (status, error) == (0, "") and said.startswith("enrolled as ")
    assert (tmp_path / "state" / "client.pem").read_bytes() == certificate.read_bytes() + b"\n" + key.read_bytes()


def test_files_that_will_not_do(stack, authority, tmp_path):
    """[C4] Each has its sentence, and nothing is asked for at a terminal."""
    certificate, key, _ = authority.issue("third")
    sealed = tmp_path / "sealed.key"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", sealed)
    wrong = authority.issue("fourth")[1]
    code = code_for(stack)

    def refusal(*more):
        status, said, error = enrol(stack, tmp_path / "state", code, *more)
        assert (status, said) == (1, "")
        return error

    shown = ("--client-certificate", certificate)
    assert refusal(*shown) == f"cardea-agent: {certificate}: holds no PEM private key; --client-key names its file\n"
    assert refusal(*shown, "--client-key", sealed) == (f"cardea-agent: {sealed}: the key is encrypted, and nobody is asked for its "
                                                       "passphrase; give a file without one that is its owner's alone\n")
    assert refusal(*shown, "--client-key", wrong).startswith(
        f"cardea-agent: cannot read the client certificate and key {certificate}, {wrong}")
    assert enrol(stack, tmp_path / "state", code, "--client-key", key)[0] == 2
    assert enrol(stack, tmp_path / "state", code, *shown, "--client-key", key)[0] == 0


def test_run_with_a_new_one(stack, authority):
    """[C4] `run --client-certificate` takes the place of the one that is kept: what the old one could not do any more, the new one can."""
    assert stack.agent.stop() == 0
    certificate, key, both = authority.issue("renewed")
    os.truncate(stack.agent_state / "client.pem", 0)
    stack.agent.command += ["--client-certificate", str(certificate), "--client-key", str(key)]
    stack.agent.start()
    stack.wait_for_agent()
    card = stack.new_card()
    card.remove()
    assert (stack.agent_state / "client.pem").read_bytes() == certificate.read_bytes() + b"\n" + key.read_bytes()
    assert both.exists()


def test_link_from_another_computer(stack, authority, tmp_path):
    """[D5] `recovery` reaches the server with a certificate only, which is the workstation's unless another one is named."""
    link = f"https://127.0.0.1:{stack.port}/recovery#{'A' * 43}"
    arguments = ("recovery", "disown", "--link", link, "--ca", stack.data / "tls" / "ca.pem")
    assert agent(stack, tmp_path / "none", *arguments) == not_accepted(stack)
    heard = agent(stack, tmp_path / "none", *arguments, "--client-certificate", authority.issue("other")[2])
    assert heard[0] == 1 and "unknown or was used already" in heard[2], heard
    assert agent(stack, stack.agent_state, *arguments) == heard
