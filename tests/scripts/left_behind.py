"""What a script that has ended left running."""

from pathlib import Path


def processes_with(setting):
    """Process ids of those in whose environment this NAME=value is, this way of marking being inherited; no zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # Empty for a zombie, whose memory is gone.
            if setting.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
