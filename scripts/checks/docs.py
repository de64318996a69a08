#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check the documentation: reStructuredText, links, make targets.

docutils must be able to parse every .rst file; directives and roles of Sphinx
are allowed.  Every relative link in an .rst or .md file must lead to a file.
Every `make target` must name a target of the Makefile, and the Makefile's help
must list every target for users.  The tables of parameters and statistics must
agree with the code, and each command in scripts/ must exist with its options.
"""
import argparse
import io
import os
import pathlib
import re
import sys

from docutils import nodes, utils
from docutils.core import publish_string
from docutils.parsers.rst import Directive, directives, roles

from csource import matches, read

SPHINX_DIRECTIVES = """
    kernel-doc toctree code-block literalinclude index only seealso versionadded
    versionchanged tabularcolumns c:function c:struct c:type c:macro graphviz
""".split()
SPHINX_ROLES = """
    doc ref c:func c:struct c:type c:macro c:expr c:member file term manpage
    kbd command option envvar
""".split()

MD_LINK = r"\[[^\]\n]*\]\(([^)\s]+)\)"
RST_LINK = r"`[^`<]*<([^`>\s]+)>`__?|(?m:^\.\. _[^:\n]+:[ \t]+(\S+)$)|" \
           r"(?m:^\.\. (?:image|figure|literalinclude|include)::[ \t]+(\S+)$)"
DOC_ROLE = r":doc:`(?:[^`<]*<)?([^`>]+)>?`"
# `make x` as code, or on a line of its own that is indented or has a prompt.
MAKE = r"(?:`|^[ \t$#]+)(?:sudo )?make((?:[ \t]+[\w.=/$(){}<>~:-]+)*)" \
       r"[ \t]*(?:`|$|#)"


class Tolerated(Directive):
    """A directive of Sphinx, with any arguments, options and content."""

    has_content = True
    optional_arguments = 100
    final_argument_whitespace = True
    option_spec = type("AnyOption", (dict,), {
        "__getitem__": lambda self, key: directives.unchanged,
        "__bool__": lambda self: True,
        "__contains__": lambda self, key: True})()

    def run(self):
        """Add nothing to the document."""
        return []


def tolerated_role(_name, rawtext, text, *_args, **_kwargs):
    """Replace a role of Sphinx by its text."""
    return [nodes.literal(rawtext, utils.unescape(text))], []


def parse_rst(path, say):
    """Yield the errors that docutils finds in a file."""
    stream = io.StringIO()
    publish_string(read(path), source_path="", writer_name="null",
                   settings_overrides={
                       "report_level": 2, "halt_level": 5,
                       "warning_stream": stream, "_disable_config": True,
                       "file_insertion_enabled": False})
    for _, match in matches(r"(?m)^[^:\n]*:(\d*): (\(.*)", stream.getvalue()):
        say(path, match.group(1) or 1, match.group(2))


def check_links(path, text, say):
    """Every relative link must lead to a file."""
    for line, match in matches(MD_LINK if path.suffix == ".md" else RST_LINK, text):
        target = next(group for group in match.groups() if group)
        target = target.partition("#")[0]
        if not target or re.match(r"\w+:|//", target) or target.endswith("_"):
            continue
        if not (path.parent / target).exists():
            say(path, line, f"there is no {target}")
    for line, match in matches(DOC_ROLE, text):
        if not (path.parent / f"{match.group(1).strip()}.rst").exists():
            say(path, line, f"there is no {match.group(1)}.rst")
    if path.suffix != ".rst":
        return
    for line, match in matches(r"(?m)^\.\. toctree::\n((?:(?:[ \t]+.*)?\n)*)", text):
        for at, entry in enumerate(match.group(1).splitlines()):
            name = entry.strip()
            if name and not name.startswith(":") and \
                    not (path.parent / f"{name}.rst").exists():
                say(path, line + 1 + at, f"there is no {name}.rst")


def makefile_targets(root):
    """The targets of the top Makefile."""
    path = root / "Makefile"
    text = read(path) if path.exists() else ""
    targets = set()
    for _, match in matches(r"(?m)^([\w.% -]+?)\s*::?(?!=)", text):
        targets.update(match.group(1).split())
    return targets


def check_make(path, text, targets, say):
    """Check each `make` in the documentation, as code or on a line of its own."""
    for line, match in matches("(?m)" + MAKE, text):
        words = match.group(1).split()
        if "-C" in words or any(word.startswith("M=") for word in words):
            continue
        for word in words:
            if re.fullmatch(r"[a-z][\w-]*", word) and word not in targets:
                say(path, line, f"the Makefile has no target {word}")


def table_names(text, heading):
    """The names (``name``) in the first column of the first table there."""
    _, _, rest = text.partition(f"\n{heading}\n{'=' * len(heading)}\n")
    names = {}
    rule = 0
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    for at, row in enumerate(rest.splitlines()):
        if re.match(r"=+ +=+", row):
            rule += 1
        elif rule and re.match(r"=+$|-+$", row):
            break
        elif rule:
            for name in re.findall(r"``(\w+)``", re.split(r"  ", row)[0]):
                names[name] = line + at
        if rule and not row.strip():
            break
    return names


def check_names(root, say):
    """The tables of parameters and of statistics must agree with the code."""
    code = "\n".join(read(path) for path in sorted((root / "module").rglob("*.c")))
    params = set(re.findall(r"(?m)^(?:KSPAN_PARAM|module_param(?:_cb|_named)?)"
                            r"\((\w+),", code))
    path = root / "Documentation/building.rst"
    found = table_names(read(path), "Parameters")
    for name in sorted(params - set(found)):
        say(path, 1, f"the parameter {name} is not in the table")
    for name in sorted(set(found) - params):
        say(path, found[name], f"there is no parameter {name}")
    header = read(root / "module/include/linux/kspan.h")
    fields = re.search(r"#define KSPAN_STATS\(X\)((?:.*\\\n)*.*)", header)
    stats = set(re.findall(r"\bX\((\w+)\)", fields.group(1)))
    path = root / "Documentation/debugfs.rst"
    found = table_names(read(path), "stats")
    for name in sorted(stats - set(found)):
        say(path, 1, f"the statistic {name} is not in the table")
    for name in sorted(set(found) - stats):
        say(path, found[name], f"there is no statistic {name}")


def check_commands(root, path, text, say):
    """Commands in scripts/ must exist and know the options they are given."""
    for line, match in matches(r"\bscripts/[\w./-]*\w((?: +--?[\w-]+(?:=\S+)?)*)",
                               text):
        name = match.group().split()[0]
        script = root / name
        # A kernel tree has folders of this name, too.
        if name.startswith(("scripts/kernel-doc", "scripts/checkpatch",
                            "scripts/sign-file")):
            continue
        if not script.exists():
            say(path, line, f"there is no {name}")
        elif script.is_file():
            known = read(script)
            for option in re.findall(r"--[\w-]+", match.group(1)):
                if option != "--help" and \
                        not re.search(re.escape(option) + r"(?![\w-])", known):
                    say(path, line, f"{name} has no option {option}")


def main():
    """Check everything; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=".",
                        help="top of the source tree (default: here)")
    root = parser.parse_args().root
    findings = []

    def say(path, line, what):
        findings.append(f"{os.path.relpath(path, root)}:{line}: {what}")

    for name in SPHINX_DIRECTIVES:
        directives.register_directive(name, Tolerated)
    for name in SPHINX_ROLES:
        roles.register_local_role(name, tolerated_role)
    documents = [*sorted(root.glob("*.md")),
                 *sorted((root / "Documentation").rglob("*.md")),
                 *sorted((root / "Documentation").rglob("*.rst"))]
    targets = makefile_targets(root)
    for path in documents:
        text = read(path)
        if path.suffix == ".rst":
            parse_rst(path, say)
        check_links(path, text, say)
        check_make(path, text, targets, say)
        check_commands(root, path, text, say)
    check_names(root, say)
    if not (root / "README.md").exists():
        say(root / "README.md", 1, "not found")
    if not list((root / "Documentation").rglob("*.rst")):
        say(root / "Documentation", 1, "there is no .rst file")
    print("\n".join(findings), end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
