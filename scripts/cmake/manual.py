#!/usr/bin/python3
"""Writes manual pages and bash completions when Cardea is installed, from what the programs and the sample settings say themselves.

    manual.py program FILE SECTION VERSION DIRECTORY     FILE's page and completion, from its --help and that of each subcommand
    manual.py settings FILE VERSION DIRECTORY            page of section 5, from the comments of a TOML file with all keys in it
"""

import os
import re
import subprocess
import sys
from pathlib import Path

# Where CLI11 begins its descriptions.
COLUMN = 30
GROUPS = ("Positionals", "Options", "Subcommands")
# Defaults that depend on who runs the program are shown by their names.
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "~", "XDG_RUNTIME_DIR": "$XDG_RUNTIME_DIR"}


class Command:
    """One --help, taken apart. `groups`: name -> [(head, description)]; `children`: the subcommands."""

    def __init__(self, program, path):
        self.path = path
        # By its name alone, which is what the usage says then.
        text = subprocess.run([Path(program).name, *path, "--help"], executable=program, capture_output=True, text=True, check=True,
                              env=ENVIRONMENT, timeout=30).stdout
        before, usage, after = text.partition("Usage:")
        if not usage:
            sys.exit(f"manual.py: {program} {' '.join(path)} --help shows no usage")
        self.description = before.strip()
        usage, _, after = after.partition("\n")
        self.usage = usage.strip()
        self.groups, self.footer = take_apart(after.split("\n"))
        self.children = [Command(program, [*path, head.split()[0]]) for head, _ in self.groups.get("Subcommands", ())]

    def entries(self):
        """Positionals and options, but for --help, which every one has."""
        return [(head, text) for group in GROUPS[:2] for head, text in self.groups.get(group, ()) if not head.startswith("-h,--help")]

    def options(self):
        return re.findall(r"--[a-z0-9-]+", " ".join(head.split()[0] for head, _ in self.groups.get("Options", ())))


def take_apart(lines):
    """The groups of one help, and what stands below them."""
    groups, at, last = {}, 0, 0
    while at < len(lines):
        if lines[at].rstrip(":") not in GROUPS or not lines[at].endswith(":"):
            at += 1
            continue
        entries = groups.setdefault(lines[at][:-1], [])
        at += 1
        while at < len(lines) and lines[at].startswith("  "):
            head, text = lines[at].strip(), []
            at += 1
            goes_on = at < len(lines) and lines[at].startswith(" " * COLUMN)
            whole = lines[at - 1]
            if len(whole) > COLUMN and whole[COLUMN - 1] == " " and whole[COLUMN] != " " and not goes_on:
                head, text = whole[:COLUMN].strip(), [whole[COLUMN:]]
            while at < len(lines) and lines[at].startswith(" " * COLUMN):
                text.append(lines[at].strip())
                at += 1
            entries.append((head, " ".join(text)))
        last = at
    return groups, "\n".join(lines[last:]).strip("\n")


def roff(text):
    """Text as a line of a manual page."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def paragraphs(text):
    """Text of several lines; lines that are set in stay as they are."""
    out, verbatim = [], False
    for line in text.split("\n"):
        if line.startswith("  ") != verbatim and line:
            verbatim = not verbatim
            out.append(".EX" if verbatim else ".EE")
        out.append(roff(line) if line else (".EE\n.PP" if verbatim else ".PP"))
        verbatim = verbatim and bool(line)
    if verbatim:
        out.append(".EE")
    return out


def tagged(entries):
    out = []
    for head, text in entries:
        out += [".TP", f"\\fB{roff(head)}\\fP"] + (paragraphs(text) if text else [])
    return out


def page_head(name, section, version, what):
    return [f'.TH {name.upper()} {section} "" "Cardea {version}" "Cardea"', ".SH NAME", f"{roff(name)} \\- {roff(what)}"]


def program_page(name, section, version, command):
    description = command.description.removeprefix(f"{name}: ")
    flat = " ".join(description.split())
    out = page_head(name, section, version, re.split(r"[.:] ", flat.rstrip("."))[0])
    out += [".SH SYNOPSIS", f"\\fB{roff(command.usage)}\\fP", ".SH DESCRIPTION", roff(flat)]
    out += [".SH OPTIONS", *tagged(command.entries())]
    if command.children:
        out += [".SH COMMANDS", roff("Each has --help, too.")]
    for child in command.children:
        out += subcommand(child)
    notes = []
    for block in command.footer.split("\n\n"):
        if re.match(r"Exit (status|codes): ", block):
            text = " ".join(block.split(": ", 1)[1].split())
            notes = [".SH EXIT STATUS", roff(text[0].upper() + text[1:])] + notes
        elif block:
            notes += [".SH NOTES"] * (".SH NOTES" not in notes) + [".PP", *paragraphs(block)]
    return out + notes


def subcommand(command):
    out = [f'.SS "{roff(command.usage)}"', roff(" ".join(command.description.split())), *tagged(command.entries())]
    if command.footer:
        out += [".PP", *paragraphs(command.footer)]
    for child in command.children:
        out += subcommand(child)
    return out


def settings_page(file, version):
    out = page_head(file.name, 5, version, f"settings of {file.stem}")
    comment, began = [], False
    for line in file.read_text(encoding="utf-8").splitlines():
        key = re.fullmatch(r"#?([a-z0-9_]+ = .*)", line)
        section = re.fullmatch(r"\[([a-z]+)\]", line)
        if section or (key and not began):
            out += ([".SH DESCRIPTION", *paragraphs("\n".join(comment))] if comment and not began else [])
            comment, began = [], True
        if section:
            out.append(f'.SH "[{section[1]}]"')
        elif key:
            one = tagged([(key[1], "\n".join(comment))])
            out += one if comment else [".TQ", *one[1:]]  # the one before has said it for both
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
    return out


def walk(command):
    yield command
    for child in command.children:
        yield from walk(child)


def completion(name, command):
    """Words for each place. What a command knows, its parents' options included, and files where nothing fits."""
    known = {tuple(c.path): c for c in walk(command)}
    steps = "|".join(f'" {" ".join(path)}"' for path in known if path) or "-"
    cases = []
    for path, one in known.items():
        words = [child.path[-1] for child in one.children] + ["--help"]
        for depth in range(len(path) + 1):
            words += [option for option in known[path[:depth]].options() if option not in words]
        cases.append(f'    "{"".join(" " + word for word in path)}") words="{" ".join(words)}" ;;')
    function = "_" + name.replace("-", "_")
    return "\n".join([
        f"# bash completion of {name}; written by Cardea's installation.",
        f"{function}() {{",
        "  local path= words= i",
        "  for ((i = 1; i < COMP_CWORD; ++i)); do",
        f'    case "$path ${{COMP_WORDS[i]}}" in {steps}) path="$path ${{COMP_WORDS[i]}}" ;; esac',
        "  done",
        '  case "$path" in', *cases, "  esac",
        '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")',
        "}",
        f"complete -o default -F {function} {name}"])


def write(file, lines):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments):
    if arguments[:1] == ["program"] and len(arguments) == 5:
        program, section, version, directory = Path(arguments[1]), arguments[2], arguments[3], Path(arguments[4])
        command = Command(program, [])
        write(directory / f"{program.name}.{section}", program_page(program.name, section, version, command))
        write(directory / "completions" / program.name, [completion(program.name, command)])
    elif arguments[:1] == ["settings"] and len(arguments) == 4:
        file, version, directory = Path(arguments[1]), arguments[2], Path(arguments[3])
        write(directory / f"{file.name}.5", settings_page(file, version))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
