# SPDX-License-Identifier: GPL-2.0
"""A simple parser for kernel-style C, shared by the scripts in this folder.

It relies on a rule that checkpatch enforces: the braces around the body of a
function stand alone in column 0.
"""
import collections
import re

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

# Words before a parenthesis that are not the name of the function.
_ATTRIBUTE = re.compile(r"__\w+$|noinline$|inline$")

Function = collections.namedtuple("Function", "name line head body body_line")


def read(path):
    """The text of a file; bytes that are not UTF-8 are replaced."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _blank(match):
    token = match.group()
    if token[0] == "/":
        return re.sub(r"[^\n]", " ", token)
    return token[0] + " " * (len(token) - 2) + token[-1]


def without_comments(text):
    """The text with comments and strings blanked; line numbers are kept."""
    return _TOKEN.sub(_blank, text)


def matches(regex, text):
    """Yield (line number, match) for each match."""
    for match in re.finditer(regex, text):
        yield text.count("\n", 0, match.start()) + 1, match


def _name_of(head):
    names = re.findall(r"(\w+)\s*\(", head)
    for name in names:
        if not _ATTRIBUTE.match(name):
            return name
    return names[0] if names else None


def functions(text):
    """Yield each function defined in the text; comments are ignored."""
    lines = without_comments(text).split("\n")
    for start, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = start
        while first and lines[first - 1].strip() and \
                not re.search(r"[;}]\s*$|^#", lines[first - 1]):
            first -= 1
        head = " ".join(lines[first:start])
        end = start + 1
        while end < len(lines) and not lines[end].startswith("}"):
            end += 1
        name = _name_of(head)
        if name:
            yield Function(name, first + 1, head, lines[start + 1:end], start + 2)


def comment_above(text, line):
    """The comment that ends directly above a line (counted from 1), or ""."""
    lines = text.split("\n")[:line - 1]
    if not lines or not lines[-1].rstrip().endswith("*/"):
        return ""
    first = len(lines) - 1
    while first and not lines[first].lstrip().startswith("/*"):
        first -= 1
    return "\n".join(lines[first:])
