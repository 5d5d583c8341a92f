"""Faults are injected into a stack of their own for each file, so that one cannot spoil another."""

import os
import random

import pytest

from cardea_stack import Stack, running


@pytest.fixture(scope="module")
def stack(scratch, request):
    with running(Stack(scratch / request.module.__name__[-12:]), stop=False) as started:
        yield started


@pytest.fixture
def dice():
    """Random, but replayable: CARDEA_SEED=n repeats a run."""
    seed = int(os.environ.get("CARDEA_SEED", random.SystemRandom().randrange(2**32)))
    print(f"CARDEA_SEED={seed}")
    return random.Random(seed)
