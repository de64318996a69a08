#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run clang-tidy on a module that was built in place by gcc.

The compiler flags of each object come from the .cmd file that Kbuild writes
next to it.  An object that has passed with the same source, headers and flags is
not checked again.
"""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys

import passed

# All checks for faults, except those that do not suit kernel code.
CHECKS = (
    "-*",
    "clang-analyzer-*",
    "bugprone-*",
    "linuxkernel-*",
    "misc-misleading-*",
    "misc-misplaced-const",
    # The kernel stack is small.
    "misc-no-recursion",
    # Requires memset_s() of C11's Annex K, which the kernel does not have.
    "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",
    # Reports any two parameters of one type, such as (nr_pages, align_pages).
    "-bugprone-easily-swappable-parameters",
    # Reports hundreds of conversions in the kernel's own macros.
    "-bugprone-narrowing-conversions",
    # if (strcmp(a, b)) is usual in the kernel.
    "-bugprone-suspicious-string-compare",
    # Reports sizeof(pointer), which the per-CPU macros use on purpose.
    "-bugprone-sizeof-expression",
    # Numbers of classes, pages of a chunk and kilobytes are small.
    "-bugprone-implicit-widening-of-multiplication-result",
)

# The options of gcc that matter for the analysis.  Most others are about code
# generation, and clang does not know them.
KEEP = re.compile(r"-[IDU]|-include|-isystem|-nostdinc|-std=|-m(64|32)$|"
                  r"-mno-(sse|mmx|80387)|-f(short-wchar|unsigned-char|"
                  r"no-strict-aliasing|no-delete-null-pointer-checks)$")


def flags_of(cmd):
    """(source, flags, headers) of one .cmd file, or None if it compiles no C file."""
    text = cmd.read_text(encoding="utf-8")
    line = re.search(r"(?m)^(?:saved)?cmd_\S+ := (.*)$", text)
    source = re.search(r"(?m)^source_\S+ := (.*)$", text)
    if not line or not source or not source.group(1).endswith(".c"):
        return None
    words = shlex.split(re.split(r"\s*[;&|]", line.group(1))[0])
    kept = []
    for at, word in enumerate(words):
        if KEEP.match(word):
            kept.append(word)
        elif words[at - 1] in ("-include", "-isystem", "-I", "-D"):
            kept.append(word)
    headers = re.findall(r"(?<![\w$(])[^\s\\$()]+\.h\b", text)
    return source.group(1), kept, sorted(set(headers))


@functools.cache
def file_hash(path):
    """A hash of a file, which may be missing."""
    return passed.digest(path) if path.exists() else ""


def key_of(kdir, build, source, flags, headers):
    """A hash of all that the findings in an object depend on."""
    return passed.digest(
        VERSION, *CHECKS, *(flag.replace(str(build), "") for flag in flags),
        *(file_hash(kdir / name) for name in [source, *headers]))


VERSION = subprocess.run(["clang-tidy", "--version"], capture_output=True,
                         text=True, check=False).stdout


def tidy(kdir, build, source, flags):
    """The findings of clang-tidy in one file of ours."""
    run = subprocess.run(
        ["clang-tidy", "--quiet", f"--checks={','.join(CHECKS)}", source, "--",
         *flags, "-Wno-unknown-warning-option", "-w", "-Qunused-arguments"],
        cwd=kdir, capture_output=True, text=True, check=False)
    # Findings with their explanations, except those in the kernel's macros,
    # which this project cannot change.
    findings = re.split(r"(?m)^(?=\S+:\d+:\d+: (?:warning|error): )", run.stdout)
    ours = [text for text in findings if text.startswith(str(build)) or
            "[clang-diagnostic-error]" in text]
    if run.returncode and not ours:
        return run.stdout + run.stderr
    return "".join(ours)


def main():
    """Check all objects of a build; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kdir", type=pathlib.Path,
                        help="kernel build directory of the build")
    parser.add_argument("build", type=pathlib.Path,
                        help="where the module was built")
    args = parser.parse_args()
    build = args.build.resolve()
    jobs = [job for cmd in sorted(build.rglob(".*.o.cmd"))
            if not cmd.name.endswith(".mod.o.cmd") and (job := flags_of(cmd))]
    if not jobs:
        sys.exit(f"no objects in {build}")
    memory = passed.Passed("clang-tidy")
    due = [(key, job) for job in jobs
           if not memory.has(key := key_of(args.kdir, build, *job))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(
            lambda item: tidy(args.kdir, build, *item[1][:2]), due))
    for (key, _), text in zip(due, found):
        if not text:
            memory.add(key)
    memory.save()
    print("".join(found).replace(f"{build}/", ""), end="")
    sys.exit(any(found))


if __name__ == "__main__":
    main()
