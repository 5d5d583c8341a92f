"""The demonstration's story, told with real programs. Called by scripts/demo."""

import argparse
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support" / "python"))

import private_place  # noqa: E402
from cardea_stack import OPENSC_MODULE, READER, Stack, build_directory, free_port  # noqa: E402
from processes import Child, wait_until  # noqa: E402


class Story:
    """Numbered headings, the commands as one would type them, and what they print."""

    def __init__(self, directory):
        self.directory, self.step, self.began = directory, 0, time.monotonic()

    def short(self, text):
        """Without the names of directories that say nothing to the reader."""
        for long, short in ((f"{build_directory()}/bin/", ""), (f"{ROOT}/", ""), (str(self.directory), ".")):
            text = text.replace(long, short)
        return text

    def heading(self, text):
        self.step += 1
        print(f"\n{self.step}. {text}", flush=True)

    def run(self, *command, show=True, env=None, **more):
        words = [str(part) for part in command]
        if show:
            print("   $ " + " ".join(shlex.quote(self.short(w)) for w in words), flush=True)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, cwd=self.directory,
                              stdin=subprocess.DEVNULL if "input" not in more else None,
                              env={**os.environ, **(env or {})}, **more)
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            raise SystemExit(f"the demonstration failed: {words[0]} ended with {done.returncode}; "
                             f"logs are in {self.directory}")
        return done.stdout + done.stderr

    def show(self, text, lines=30):
        for line in text.strip().splitlines()[-lines:]:
            print("     " + self.short(line), flush=True)


def issue(story, stack):
    state = story.directory / "issuance.json"
    cms = stack.bin / "cardea-cms"
    authority = story.directory / "ca"
    story.run(cms, "ca", "init", authority)
    story.show(story.run(cms, "issue", "--reader", READER, "--plan", ROOT / "cms-connector/perso/plans/piv-standard.json",
                         "--ca", authority, "--subject", "CN=Demonstration Holder", "--pin-file", story.directory / "pin",
                         "--puk-file", story.directory / "puk", "--management-key-file", story.directory / "management-key",
                         "--state", state, "--execute"), 40)


def sign(story):
    (story.directory / "letter.txt").write_text("I agree.\n")
    pin = {"PIN": (story.directory / "pin").read_text()}
    module = ["pkcs11-tool", "--module", OPENSC_MODULE]
    objects = story.run(*module, "-O", "--type", "cert")
    story.show("\n".join(line for line in objects.splitlines() if line.startswith(("Cert", "  label", "  subject", "  ID"))))
    story.run(*module, "--login", "--pin", "env:PIN", "--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "letter.txt", "-o",
              "letter.sig", env=pin)
    story.run(*module, "--read-object", "--type", "cert", "--id", "01", "-o", "holder.der")
    story.run("openssl", "x509", "-inform", "der", "-in", "holder.der", "-out", "holder.pem")
    (story.directory / "holder.pub").write_text(story.run("openssl", "x509", "-in", "holder.pem", "-pubkey", "-noout", show=False))
    story.show(story.run("openssl", "dgst", "-sha256", "-verify", "holder.pub", "-signature", "letter.sig", "letter.txt"))


def ssh_login(story):
    directory, port = story.directory, free_port()
    story.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "host_key", show=False)
    Path("/run/sshd").mkdir(exist_ok=True)
    (directory / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host_key\nAuthorizedKeysFile {directory}/authorized_keys\n"
        "StrictModes no\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n")
    daemon = Child("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", directory / "sshd_config"], directory / "sshd.log").start()
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "sshd listens")
        keys = story.run("ssh-keygen", "-D", OPENSC_MODULE)
        (directory / "authorized_keys").write_text("".join(l + "\n" for l in keys.splitlines() if l.startswith(("ssh-", "ecdsa-"))))
        askpass = directory / "askpass"
        askpass.write_text(f"#!/bin/sh\ncat {directory}/pin\n")
        askpass.chmod(0o700)
        story.show(story.run("ssh", "-F", "/dev/null", "-p", port, "-I", OPENSC_MODULE, "-o", "StrictHostKeyChecking=no", "-o",
                             f"UserKnownHostsFile={directory}/known_hosts", "-o", "IdentityFile=none", "-o", "LogLevel=ERROR",
                             "127.0.0.1", "echo logged in with the card",
                             env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}), 2)
    finally:
        daemon.stop()


def tls_login(story):
    directory = story.directory
    story.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "web.key", "-out", "web.pem", "-subj",
              "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "3", show=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(directory / "web.pem", directory / "web.key")
    context.load_verify_locations(directory / "ca" / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_once():
        plain, _ = listener.accept()
        plain.settimeout(60)
        with context.wrap_socket(plain, server_side=True) as connection:
            name = dict(part[0] for part in connection.getpeercert()["subject"])["commonName"]
            connection.recv(4096)
            body = f"{connection.version()}: welcome, {name}\n".encode()
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    threading.Thread(target=serve_once, daemon=True).start()
    story.show(story.run("curl", "-sS", "--cacert", "web.pem", "--engine", "pkcs11", "--key-type", "ENG", "--key",
                         f"pkcs11:id=%01;type=private;pin-source=file:{directory}/pin", "--cert", "holder.pem",
                         f"https://localhost:{listener.getsockname()[1]}/", env={"PKCS11_MODULE_PATH": OPENSC_MODULE}))
    listener.close()


def by_hand(story, stack, shell):
    print(f"""
How to go on by hand: scripts/demo --shell ends in a shell where all of this is running, and these work:
     pkcs11-tool --module {OPENSC_MODULE} -O
     opensc-tool -a                              the card's answer to reset
     cardea card list --org '{stack.organisation}'       what the server knows
     cardea audit list --limit 20                every use of a key
     cardea-agent status                         the workstation's view
The PIN is in the file 'pin' of the working directory.""")
    if not shell:
        return
    environment = {**os.environ, "PATH": f"{stack.bin}:{os.environ['PATH']}", "CARDEA_ADMIN_SOCKET": str(stack.data / "admin.sock"),
                   "XDG_STATE_HOME": str(story.directory / "state"), "PS1": "cardea-demo$ "}
    (story.directory / "state").mkdir(exist_ok=True)
    link = story.directory / "state" / "cardea"
    if not link.exists():
        link.symlink_to(stack.agent_state)
    subprocess.run(["bash", "--norc", "-i"], cwd=story.directory, env=environment, check=False)


def prepare(directory):
    """What the story needs before anything runs: OpenSC's configuration, PIN, PUK and management key."""
    (directory / "opensc.conf").write_text("app default {\n  framework pkcs15 {\n    use_file_caching = no;\n  }\n}\n")
    os.environ["OPENSC_CONF"] = str(directory / "opensc.conf")
    for name, value in {"pin": "471147", "puk": "31415926", "management-key": os.urandom(24).hex()}.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(value)  # no line end: libp11 takes all that a pin-source holds for the PIN


def tell(story, stack, shell):
    story.heading("Server, HSM, database, pcscd, driver and agent start")
    stack.start()
    print(f"   cardead on https://127.0.0.1:{stack.port}, reader '{READER}'")
    story.heading("A blank card is made and inserted")
    card = stack.new_card("piv-yubikey5")
    print(f"   card {card.id}")
    story.show(story.run("opensc-tool", "-a"))
    story.heading("A card management system issues it, through PC/SC only")
    issue(story, stack)
    story.heading("The holder signs a letter; OpenSSL verifies")
    sign(story)
    story.heading("The holder signs in over SSH")
    ssh_login(story)
    story.heading("The holder signs in to a web server over TLS 1.3")
    tls_login(story)
    story.heading("Every use of a key is on the audit log")
    story.show(story.run(stack.bin / "cardea", "--socket", stack.data / "admin.sock", "audit", "list", "--card", card.id,
                         "--limit", "8"), 12)
    print(f"\nAll of it took {time.monotonic() - story.began:.1f} s.")
    by_hand(story, stack, shell)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()

    private_place.enter("scripts/demo")
    directory = Path(tempfile.mkdtemp(prefix="cardea-demo-"))
    stack = Stack(directory / "s", organisation="Demonstration Trust")
    failed = False
    try:
        prepare(directory)
        tell(Story(directory), stack, options.shell)
    except KeyboardInterrupt:
        return 130
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        failed = True
        sys.exit(f"the demonstration failed: {error}")
    except SystemExit as end:
        failed = isinstance(end.code, str)
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        try:
            stack.stop()
        finally:
            stack.kill()
            if options.keep or failed:
                print(f"data and logs: {directory}")
            else:
                shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
