#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that kspan's files include only what lies below them.

The table below orders the concepts of module/ from the bottom to the top.
A file may include headers of rows below its own, and the header of its own
name.  Suites in kunit/ may include any header of the module, clients of the
public API none.  Nobody includes a .c file.
"""
import argparse
import pathlib
import re
import sys

from csource import matches, read

# A concept is its .c and its .h, and where it is split also name_part.c and
# name_part.h.  Concepts of one row know nothing of each other.
LAYERS = """
    compat inject marked node sizeclass_table
    meta shadow sizeclass
    params
    span
    arena kept report
    redzone
    chunk
    heap
    central large
    depot
    cache
    tiny
    lookup scavenge
    sanitize
    deferred
    shrink
    provide
    alloc free
    array bulk realloc
    stats
    verify
    debugfs
    main
"""

# The layer of each concept.
LAYER = {name: row for row, names in enumerate(LAYERS.strip().splitlines())
         for name in names.split()}

PUBLIC = "linux/kspan.h"
CLIENTS = ("Documentation/example", "scripts/torture", "scripts/bench")
INCLUDE = r'(?m)^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]'

ADVICE = """\
    Every file of module/ has a place in the table LAYERS of
    scripts/check-includes.py.  Put its name, without .c or .h, into the lowest
    row that is above everything it includes; take names of removed files out.
    A file named after a concept of the table, as heap_walk.c, belongs to it."""


def concept_of(stem):
    """The concept in the table that a file belongs to, or None."""
    while stem and stem not in LAYER:
        stem = stem.rpartition("_")[0]
    return stem or None


def includes(path):
    """Yield (line, is quoted, name) for each #include of a file."""
    for line, match in matches(INCLUDE, read(path)):
        yield line, match.group(1) == '"', match.group(2)


def check_module(root, say):
    """Check the files of module/ against the table."""
    seen = set()
    for path in sorted((root / "module").glob("*.[ch]")):
        own = concept_of(path.stem)
        seen.add(own)
        if not own:
            say(path, 1, f"{path.name} is in no layer\n{ADVICE}")
            continue
        for line, quoted, name in includes(path):
            if not quoted:
                if re.match(r"kunit/", name):
                    say(path, line, f"<{name}> belongs into kunit/ alone")
                continue
            target = concept_of(pathlib.PurePath(name).stem)
            if not name.endswith(".h"):
                say(path, line, f'"{name}" is no header')
            elif not target:
                say(path, line, f'"{name}" is in no layer\n{ADVICE}')
            elif target != own and LAYER[target] >= LAYER[own]:
                say(path, line, f'"{name}" is not below {own} '
                    f"(rows {LAYER[target] + 1} and {LAYER[own] + 1})")
    for name in sorted(set(LAYER) - seen):
        say(root / "scripts/check-includes.py", 1,
            f"the table names {name}, which is not in module/\n{ADVICE}")


def check_public(root, say):
    """The public headers are complete without the module's own."""
    for path in sorted((root / "module/include").rglob("*.h")):
        for line, quoted, name in includes(path):
            if quoted or not name.startswith(("linux/", "asm/")):
                say(path, line, f"a client would not find {name}")


def check_kunit(root, say):
    """Suites may know everything but no implementation."""
    known = {path.name for part in ("module", "kunit")
             for path in (root / part).glob("*.h")}
    for path in sorted((root / "kunit").rglob("*.[ch]")):
        for line, quoted, name in includes(path):
            if name.endswith(".c"):
                say(path, line, f"{name} is no header")
            elif quoted and name not in known:
                say(path, line, f'there is no "{name}" in module/ or kunit/')


def check_clients(root, say):
    """Clients know the public header and the kernel's."""
    for top in CLIENTS:
        for path in sorted((root / top).rglob("*.[ch]")):
            for line, quoted, name in includes(path):
                near = quoted and re.fullmatch(r"[^/]+\.h", name) and \
                    (path.parent / name).exists()
                if not near and (quoted or not name.startswith(
                        ("linux/", "asm/"))):
                    say(path, line, f"a client may include the kernel's headers "
                        f"and those beside it, not {name}")


def main():
    """Check everything; exit with 1 if there was a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=".",
                        help="top of the source tree (default: here)")
    root = parser.parse_args().root
    findings = []

    def say(path, line, what):
        findings.append(f"{path.relative_to(root)}:{line}: {what}")

    for check in (check_module, check_public, check_kunit, check_clients):
        check(root, say)
    # The advice once is enough.
    seen = set()
    for text in findings:
        print(text.replace("\n" + ADVICE, "") if ADVICE in seen else text)
        if ADVICE in text:
            seen.add(ADVICE)
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
