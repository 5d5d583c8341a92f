"""An organisation's GlobalPlatform master keys, imported as a ceremony with two officers: so that a test knows its cards' keys."""

import json
import os
import subprocess


def import_keys(stack, masters, *options, version=0x30):
    """`cardea org card-keys import … --json`, parsed."""
    typed = ""
    for key in masters:
        mask = os.urandom(len(key))
        typed += f"{mask.hex()}\n{bytes(a ^ b for a, b in zip(key, mask)).hex()}\n"
    command = [stack.bin / "cardea", "--socket", stack.data / "admin.sock", "org", "card-keys", "import", stack.organisation,
               "--components", "2", "--key-version", version, "--json", *options]
    done = subprocess.run([str(part) for part in command], input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
