"""What winscard.dll exports, and what each of its functions answers. [A2]"""

import re
import subprocess

import pytest

from wine import ROOT
from workstation import READER

TRIPLETS = {"x64": "x86_64-w64-mingw32", "x86": "i686-w64-mingw32"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names_of_the_import_library(kind):
    """What a program can be linked to: `_SCardState@20`, where 32 bits have it, is SCardState. Data has the import pointer alone."""
    triplet = TRIPLETS[kind]
    library = run(f"{triplet}-gcc-posix", "-print-file-name=libwinscard.a").strip()
    prefix = "__imp_" if kind == "x64" else "__imp__"
    symbols = re.findall(rf" I {prefix}(\w+)(?:@\d+)?$", run(f"{triplet}-nm", library), re.MULTILINE)
    assert "SCardEstablishContext" in symbols and "g_rgSCardT1Pci" in symbols, symbols
    return set(symbols)


def names_of_the_dll(kind):
    text = run(f"{TRIPLETS[kind]}-objdump", "-p", ROOT / "build" / f"windows-{kind}" / "dll" / "winscard.dll")
    table = text.split("[Ordinal/Name Pointer] Table", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\s*\[\s*\d+\](?: \+base\[\s*\d+\]\s+[0-9a-f]+)? (\S+)$", table, re.MULTILINE))


@pytest.mark.parametrize("kind", ["x64", "x86"])
def test_every_name_of_the_import_libraries_is_there(kind):
    """A program that imports one more than there are does not even start. The library for x86 is the older one: the DLL has, for both,
    what either knows."""
    known = names_of_the_import_library("x64") | names_of_the_import_library("x86")
    assert len(known) >= 77, sorted(known)
    assert names_of_the_dll(kind) == known


def groups(desk, environment=None):
    return [line.removeprefix("group ") for line in desk.exports("groups", environment=environment) if line.startswith("group ")]


def test_groups_are_those_of_both(desk, stand_in):
    """Readers are in the system's groups as before, and ours in the one that every reader is in; that is one group, not two."""
    environment, _ = stand_in
    assert sorted(groups(desk, environment)) == ["SCard$DefaultReaders", "Stand-ins"]
    assert groups(desk) == ["SCard$DefaultReaders"]


def called(lines):
    return {line.removeprefix("called ") for line in lines if line.startswith("called ")}


def test_every_function_answers_as_documented(desk, card):
    """None of the names is left out. Where there is no system's DLL, what Windows keeps in its registry is not there. [A1]"""
    lines = desk.exports("every", READER)
    assert lines[-1] == "0 failures"
    assert called(lines) == names_of_the_dll(desk.wine.kind)


def test_what_is_for_a_real_reader_reaches_the_system(desk, card, stand_in):
    """With the system's own handles, and arguments as they were; memory is freed by who allocated it. Ours goes on beside. [A1]"""
    environment, inserted = stand_in
    inserted.touch()
    assert desk.exports("real", READER, "Stand-in 0", environment=environment)[-1] == "0 failures"
