"""[B5] [F2] The backup that cloud-backend/deploy/README.md tells, of a server that is at work, and putting it back: the text's own commands."""

import re
import shutil
import subprocess
import threading

import pytest

import piv
from cardea_stack import FACTORY_PIN, ROOT, CliError, Stack
from faultlib import connect_patiently
from pcsc import verify_command

TEXT = (ROOT / "cloud-backend/deploy/README.md").read_text(encoding="utf-8")


@pytest.fixture(params=["softhsm", "software"])
def stack(scratch, request):
    directory = scratch / f"bk-{request.param[:5]}"
    running = Stack(directory, server_config=f'[vault]\nkind = "{request.param}"\n')
    try:
        yield running.start()
    finally:
        running.kill()
        shutil.rmtree(directory, ignore_errors=True)


def commands(begin, stack, backup):
    """The block of the text that begins so, for this server's directory; what asks systemd is left to the stack."""
    (block,) = re.findall(rf"```\n({re.escape(begin)}.*?)```", TEXT, re.DOTALL)
    block = block.replace("/var/lib/cardea", str(stack.data)).replace("/backup/today", str(backup))
    done = subprocess.run(["sh", "-ec", f"systemctl() {{ :; }}; chown() {{ :; }}; cardea() {{ :; }}\n{block}"], capture_output=True,
                          text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done


def put_back(stack, backup):
    assert stack.server.stop() == 0
    shutil.rmtree(f"{stack.data}.lost", ignore_errors=True)
    commands("systemctl stop cardead", stack, backup)
    stack.start_server()


def at_work(stack, done):
    """Somebody makes cards all the time."""
    while not done.is_set():
        stack.cli("card", "create", "--org", stack.organisation, "--profile", "piv-nist")


def signs(card):
    with connect_patiently() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        return piv.sign_p256(connection, bytes(32))[1] == "9000"


def test_backup_of_a_running_server(stack):
    """[B5] [F2] Whole, though cards were being made meanwhile: all is right by the log of changes, and a card signs as before."""
    card = stack.new_card("piv-yubikey5")
    with connect_patiently() as connection:
        piv.authenticate(connection)
        piv.generate(connection)
    done = threading.Event()
    worker = threading.Thread(target=at_work, args=(stack, done))
    worker.start()
    backups = [stack.directory / f"backup-{n}" for n in range(3)]
    try:
        for backup in backups:
            commands("umask 077", stack, backup)
    finally:
        done.set()
        worker.join()
    later = stack.new_card("piv-nist", insert=False)
    for backup in backups:
        put_back(stack, backup)
        assert "integrity.refused" not in stack.server.text()
        assert stack.cli("audit", "verify")["good"]
        assert signs(card)
        with pytest.raises(CliError, match="there is no card"):
            stack.cli("card", "show", later.id)
        # And it goes on: keys are made, and the log of changes with them.
        stack.cli("org", "create", f"Trust of {backup.name}")
        assert stack.cli("audit", "verify")["good"]
