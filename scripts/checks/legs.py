#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the table of test legs in Documentation/testing.rst from scripts/legs.

With --check nothing is written, and a table that differs is a failure.
"""
import argparse
import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BEGIN = ".. legs: this table is made from scripts/legs by scripts/checks/legs.py\n"
END = ".. end of legs\n"
WIDTH = 78


def read_legs():
    """Yield (name, what); legs that do not run by default have a star."""
    for line in (ROOT / "scripts/legs").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            when, name, what = line.split(None, 2)
            yield f"``{name}``" + ("" if when == "test" else r" \*"), what


def table():
    """The table in reStructuredText."""
    rows = list(read_legs())
    first = max(len(name) for name, _ in rows)
    second = WIDTH - first - 2
    rule = "=" * first + "  " + "=" * second
    lines = [rule]
    for name, what in rows:
        for part in textwrap.wrap(what, second):
            lines.append(f"{name:{first}}  {part}")
            name = ""
    return "\n".join([*lines, rule]) + "\n"


def main():
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true",
                        help="fail if the table is not what it should be")
    args = parser.parse_args()
    path = ROOT / "Documentation/testing.rst"
    text = path.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{path}: there is no place for the table of legs")
    new = before + BEGIN + "\n" + table() + "\n" + END + after
    if args.check and new != text:
        sys.exit(f"{path}: the table of legs is not that of scripts/legs; "
                 "run scripts/checks/legs.py")
    if new != text:
        path.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
