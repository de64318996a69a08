#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""for-kernel.py VERSION FILE - resolve the tests for kernel versions in FILE.

Conditions of the form LINUX_VERSION_CODE (<|>=) KERNEL_VERSION(a, b, c) are
decided for VERSION, and code that does not apply is removed.  Other conditions
stay.  An #if that combines both kinds stays without the decided part.
"""
import pathlib
import re
import sys

TEST = re.compile(r"LINUX_VERSION_CODE\s*(<|>=)\s*KERNEL_VERSION"
                  r"\((\d+),\s*(\d+),\s*(\d+)\)")


def decide(condition, version):
    """The rest of a condition, or True or False where that is known."""
    def answer(match):
        wanted = tuple(int(match.group(i)) for i in (2, 3, 4))
        holds = version < wanted if match.group(1) == "<" else version >= wanted
        return "1" if holds else "0"

    if not TEST.search(condition):
        return condition
    text = TEST.sub(answer, condition).strip()
    if "&&" in text and "||" in text:
        sys.exit(f"cannot decide: {condition}")
    sep, weak, strong = ("||", "0", "1") if "||" in text else ("&&", "1", "0")
    terms = [term.strip() for term in text.split(sep)]
    if strong in terms:
        return strong == "1"
    terms = [term for term in terms if term != weak]
    return f" {sep} ".join(terms) if terms else weak == "1"


class Level:
    """One #if and the branches after it."""

    def __init__(self, keep):
        self.keep = keep        # whether the #if itself is kept
        self.taken = False      # whether a branch was decided for
        self.emit = True        # whether the lines of this branch are kept


def resolve(lines, version):
    """Yield the lines that stay."""
    stack = []
    for line in lines:
        match = re.match(r"#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)", line)
        shown = all(level.emit for level in stack)
        if not match:
            if shown and line.strip() != "#include <linux/version.h>":
                yield line
            continue
        word, condition = match.groups()
        if word in ("if", "ifdef", "ifndef"):
            value = decide(condition, version) if word == "if" else condition
            level = Level(isinstance(value, str))
            level.taken = level.emit = value is not False
            stack.append(level)
            if level.keep and shown:
                yield f"#{word} {value.strip()}"
            continue
        level = stack[-1]
        above = all(outer.emit for outer in stack[:-1])
        if word == "endif":
            stack.pop()
            if level.keep and above:
                yield line
        elif level.keep:
            level.emit = True
            if above:
                yield line
        elif level.taken:
            level.emit = False
        else:
            value = decide(condition, version) if word == "elif" else True
            if isinstance(value, str):
                sys.exit(f"cannot decide: {line}")
            level.taken = level.emit = value


def main():
    """Rewrite the file."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", sys.argv[1])
    version = tuple(int(number or 0) for number in numbers.groups())
    path = pathlib.Path(sys.argv[2])
    # Conditions may have several lines.
    source = re.sub(r"(?m)^(#\s*(?:el)?if\b.*)\\\n\s*", r"\1",
                    path.read_text("utf-8"))
    text = "\n".join(resolve(source.split("\n"), version))
    path.write_text(re.sub(r"\n{3,}", "\n\n", text), "utf-8")


if __name__ == "__main__":
    main()
