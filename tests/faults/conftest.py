"""Faults are injected into a stack of their own for each file, so that one cannot spoil another."""

import os
import random
import shutil

import pytest

from cardea_stack import Stack


@pytest.fixture(scope="module")
def stack(scratch, request):
    directory = scratch / request.module.__name__[-12:]
    running = Stack(directory)
    try:
        yield running.start()
    finally:
        running.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def dice():
    """Random, but replayable: CARDEA_SEED=n repeats a run."""
    seed = int(os.environ.get("CARDEA_SEED", random.SystemRandom().randrange(2**32)))
    print(f"CARDEA_SEED={seed}")
    return random.Random(seed)
