"""What the demonstration and the measurements do first."""

import signal
import subprocess
import sys

import namespace
from processes import Child


def enter(program):
    """A private place for pcscd, or the end with a sentence. Who is terminated from here on, or whose terminal goes away, cleans up; what is
    killed takes its children along."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    Child.dies_with_parent = True
    try:
        namespace.enter()
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{program}: no private place for pcscd can be made: {error}")
