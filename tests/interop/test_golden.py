"""The golden files are what the descriptions of the formats say, computed by another implementation."""

import importlib.util
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def maker():
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN / "make_golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.txt")))
def test_a_golden_file_is_as_it_was(name):
    assert maker().text_of(name) == (GOLDEN / name).read_text(encoding="ascii")


def test_every_golden_file_is_there():
    assert sorted(maker().FILES) == sorted(path.name for path in GOLDEN.glob("*.txt"))
