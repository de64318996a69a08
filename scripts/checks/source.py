#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check rules of this project that no standard tool checks.

versions  only module/base/compat.h tests the kernel version
words     no BUG() or panic(), no reminders for later work, no absolute paths of
          a particular machine, no conditional compilation inside a function, no
          bare expression as the value of this_cpu_write(), no overlong file in
          module/
locked    every *_locked function asserts that its lock is held
spdx      every file names its licence in the same place as the kernel's files
api       every exported function is declared in <linux/kspan.h>, has a
          kernel-doc comment with its context and its result, and the header
          declares nothing that is not exported
"""
import argparse
import pathlib
import re
import sys

from csource import comment_above, functions, matches, read, without_comments

MAX_LINES = 600
COMPAT = "module/base/compat.h"
# The simulated kernel of the fuzzer has a version, too.
KERNEL = "scripts/fuzz/include/"
HEADER = "module/include/linux/kspan.h"
MOVED_HEADER = "module/include/linux/kspan_slab.h"
LICENCE = "SPDX-License-Identifier: GPL-2.0"
# Files with the text of a licence need no licence line, and some formats of
# Debian's packages have no comments.
NO_LICENCE = re.compile(r"(^|/)(COPYING|LICENSE)|"
                        r"/debian/(changelog|copyright|source/format)$")

# The brackets keep these words from matching in this file.
NOTES = r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b"
# After a name or a variable it is not an absolute path.
PLACES = r"(?<![\w.})~*-])/(work|root|home)/|\.\./[s]hared\b"
# On some architectures the macros cast only the first operand: (u32)a + 1.
BARE = r"this_cpu_(?:write|add|sub|and|or|xchg)\([^;]*,(?!\s*-?\w+\)\s*;)\s*([^,;]*)\)\s*;"
FATAL = r"\b(BUG(_ON)?|panic)\s*\("


def is_c(path):
    """Whether a path names C code."""
    return path.endswith((".c", ".h"))


def versions(path, text):
    """Only compat.h may test the kernel version."""
    if not is_c(path) or path == COMPAT or path.startswith(KERNEL):
        return
    for line, match in matches(r"\b(LINUX_VERSION_CODE|KERNEL_VERSION|"
                               r"linux/version\.h)\b", text):
        yield line, f"{match.group()} outside {COMPAT}"


def words(path, text):
    """Words and constructs that are not allowed."""
    for line, match in matches(NOTES, text):
        yield line, f"a note to self: {match.group()}"
    for line, match in matches(PLACES, text):
        yield line, f"a path of one machine: {match.group()}"
    if not is_c(path):
        return
    for line, match in matches(FATAL, without_comments(text)):
        yield line, f"{match.group()}...) stops the machine"
    if not path.startswith(KERNEL):
        for line, match in matches(BARE, without_comments(text)):
            yield line, f"an expression in a macro that casts: {match.group(1)}"
    for func in functions(text):
        for at, body in enumerate(func.body):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b", body):
                yield func.body_line + at, \
                    f"conditional compilation inside {func.name}()"
    lines = text.count("\n")
    if path.startswith("module/") and lines > MAX_LINES:
        yield lines, f"{lines} lines, more than {MAX_LINES}: split it by concept"


def locked(path, text):
    """Functions whose names end with _locked must assert that with lockdep."""
    if not is_c(path) or not path.startswith(("module/", "kunit/")):
        return
    for func in functions(text):
        if func.name.endswith("_locked") and \
                not re.search(r"\blockdep_assert_held\w*\s*\(", "\n".join(func.body)):
            yield func.line, f"{func.name}() lacks lockdep_assert_held()"


def spdx(path, text):
    """The licence must be in line 1, or below the line that names the shell."""
    lines = (text + "\n\n").split("\n")
    line = 1 if lines[0].startswith(("#!", "# shellcheck shell=")) else 0
    if text and LICENCE not in lines[line] and not NO_LICENCE.search(path):
        yield line + 1, f'no "{LICENCE}"'


def declared(header):
    """What the public header declares, as {name: line}."""
    # Without macros; another name of a function (__asm__) is no function.
    text = re.sub(r"(?m)^[ \t]*#(?:.*\\\n)*.*$",
                  lambda match: "\n" * match.group().count("\n"),
                  without_comments(header))
    text = re.sub(r"(?m)^[^;{}#]*\b__asm__\s*\([^;{}]*;",
                  lambda match: "\n" * match.group().count("\n"), text)
    found = {}
    for line, match in matches(r"(?m)^(?!#|static\b|struct\s+\w+\s*\{)"
                               r"[\w \t]+[ \t*]+(\w+)\([^;{}]*\)[^;{}()]*"
                               r"(?:\([^;{}]*\))?[^;{}]*;", text):
        found.setdefault(match.group(1), line)
    # Variables, which only macros of the header use.
    for line, match in matches(r"(?m)^extern\s[^;(){}]*\b(\w+)\s*;", text):
        found.setdefault(match.group(1), line)
    return found


def is_variable(name, text):
    """Whether a file defines a variable of this name that is not static."""
    return re.search(rf"(?m)^(?!static\b)[a-z][\w \t*]*\b{name}(\[\w*\])? *=",
                     text)


def check_export(name, func, text):
    """Yield (line, finding) for an exported function and its definition."""
    doc = comment_above(text, func.line)
    if not doc.startswith("/**") or not re.search(rf"\* {name}(\(\))? - ", doc):
        yield func.line, f"no kernel-doc comment above {name}()"
        return
    if not re.search(r"(?m)^ \* Context:", doc):
        yield func.line, f"{name}() does not document its Context:"
    is_void = re.search(rf"\bvoid\s+(__\w+\s+)*{name}\s*\(", func.head)
    if not is_void and not re.search(r"(?m)^ \* Returns?:", doc):
        yield func.line, f"{name}() does not document its Return:"


def api(texts):
    """Exports, declarations and comments of the API must agree."""
    if HEADER not in texts:
        yield HEADER, 1, "not found"
        return
    header = declared(texts[HEADER])
    # What modules call that use slab.h has a header of its own.
    moved = declared(texts.get(MOVED_HEADER, "").partition("#if defined(MODULE)")[0])
    exported = {}
    for path, text in texts.items():
        if not path.startswith("module/") or not path.endswith(".c"):
            continue
        defined = {func.name: func for func in functions(text)}
        for line, match in matches(r"(?m)^EXPORT_SYMBOL(\w*)\((\w+)\)",
                                   without_comments(text)):
            kind, name = match.groups()
            exported[name] = (path, line)
            if kind != "_GPL":
                yield path, line, f"{name} is not exported by EXPORT_SYMBOL_GPL()"
            if name not in defined:
                if not is_variable(name, text):
                    yield path, line, f"{name} is exported but not defined here"
                continue
            for where, what in check_export(name, defined[name], text):
                yield path, where, what
    for name, (path, line) in exported.items():
        if name not in header and name not in moved:
            yield path, line, f"{name} is exported but not in {HEADER}"
    for where, names in ((HEADER, header), (MOVED_HEADER, moved)):
        for name, line in names.items():
            if name not in exported:
                yield where, line, f"{name}() is declared but not exported"


RULES = {"versions": versions, "words": words, "locked": locked, "spdx": spdx}


def main():
    """Check the files; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rule", choices=[*RULES, "api"])
    parser.add_argument("files", nargs="+",
                        help="paths relative to the current directory, the "
                        "top of the source tree")
    args = parser.parse_args()
    texts = {str(pathlib.PurePath(path)): read(path) for path in args.files}
    if args.rule == "api":
        findings = list(api(texts))
    else:
        findings = [(path, line, what) for path, text in texts.items()
                    for line, what in RULES[args.rule](path, text)]
    for path, line, what in findings:
        print(f"{path}:{line}: {what}")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
