"""kill -9 of cardead while a card is being issued; the issuance is resumed and ends complete."""

import json
import os
import subprocess
import threading
import time

from cardea_stack import READER, ROOT
from faultlib import connect_patiently


def test_kills_during_issuance(stack, dice, tmp_path):
    """[A2] cardead is killed at fifteen points; `cardea-cms resume` brings the card to its end, once and whole."""
    cms = str(stack.bin / "cardea-cms")
    for name, value in {"pin": "471147", "puk": "31415926", "key": os.urandom(24).hex()}.items():
        (tmp_path / name).write_text(value + "\n")
        (tmp_path / name).chmod(0o600)
    subprocess.run([cms, "ca", "init", str(tmp_path / "ca")], check=True, capture_output=True, timeout=60)
    card = stack.new_card("piv-yubikey5")
    secrets = ["--pin-file", str(tmp_path / "pin"), "--puk-file", str(tmp_path / "puk"), "--management-key-file", str(tmp_path / "key")]
    common = ["--reader", READER, "--ca", str(tmp_path / "ca"), *secrets, "--state", str(tmp_path / "state.json"), "--execute", "--json"]
    first = [cms, "issue", "--plan", str(ROOT / "cms-connector/perso/plans/piv-p256.json"), "--subject", "CN=Interrupted Holder", *common]
    resume = [cms, "resume", *common]

    kills = hits = 0
    command = first
    for _ in range(60):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        killer = None
        if kills < 15:
            delay = dice.uniform(0.005, 0.25)
            killer = threading.Thread(target=lambda: (time.sleep(delay), stack.server.kill()))
            killer.start()
        out, err = process.communicate(timeout=120)
        if killer:
            killer.join()
            kills += 1
            hits += process.returncode != 0
            stack.start_server()
            stack.wait_for_card(present=True, timeout=30)
        if process.returncode == 0 and kills >= 15:
            break
        assert process.returncode in (0, 1, 3, 5), f"exit status {process.returncode}: {err}"
        # A kill in the middle of a PIN or PUK try costs the try that was paid, and three in a row block it, as they must.
        blocked = process.returncode == 1 and "of the card is blocked" in err
        if process.returncode == 0 or blocked:
            # Finished before the kill, or at its end: start over on a new card.
            card.remove()
            card = stack.new_card("piv-yubikey5")
            (tmp_path / "state.json").unlink(missing_ok=True)
            command = first
        else:
            command = resume if (tmp_path / "state.json").exists() else first
    print(f"{hits} of {kills} kills fell into a running issuance")
    assert process.returncode == 0, err
    assert json.loads(out)
    # The last kill may have come after the issuance: whoever uses the card next finds it pulled out, and then back.
    connect_patiently().close()
    listing = subprocess.run(["pkcs11-tool", "--module", "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "-O"], capture_output=True,
                             text=True, check=True, timeout=60).stdout
    assert listing.count("Certificate Object") == 4
    card.remove()
