#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run a checker on the files that it has not passed before.

A file passes if the checker prints nothing and succeeds.  The cache folder keeps
a hash of each file that has passed, together with the checker's own files, so
that a change of either makes the file due again.

usage: passed.py NAME [--with FILE]... -- COMMAND... <list of files
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys

# Hashes that are kept for each checker; the oldest go first.
KEEP = 20000


class Passed:
    """What a checker has passed, as hashes in a file of the cache folder."""

    def __init__(self, name):
        cache = os.environ.get("KSPAN_CACHE") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or
            os.path.expanduser("~/.cache"), "kspan")
        self.file = pathlib.Path(cache) / "passed" / name
        self.old = []
        if self.file.exists():
            self.old = self.file.read_text(encoding="ascii").split()
        self.known = set(self.old)
        self.new = []

    def has(self, key):
        """Whether the checker has passed this before."""
        return key in self.known

    def add(self, key):
        """Remember that the checker has passed this."""
        self.new.append(key)

    def save(self):
        """Write what was added; concurrent runs may lose some of it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temp = self.file.with_suffix(f".{os.getpid()}")
        temp.write_text("\n".join((self.old + self.new)[-KEEP:]) + "\n",
                        encoding="ascii")
        temp.replace(self.file)


def digest(*parts):
    """A hash of strings and of the contents of files (paths)."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, pathlib.Path) else \
            part.encode()
        sha.update(b"%d:" % len(data) + data)
    return sha.hexdigest()


def run(command, name):
    """The output of a checker for one file, empty if it passes."""
    done = subprocess.run([*command, name], capture_output=True, text=True,
                          check=False)
    output = done.stdout + done.stderr
    if done.returncode and not output:
        output = f"{name}: {command[0]} failed\n"
    return output


def main():
    """Check the files of standard input; exit with 1 if one fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name", help="name of the checker in the cache")
    parser.add_argument("--with", dest="files", action="append", default=[],
                        type=pathlib.Path, help="a file that is part of the checker")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    passed = Passed(args.name)
    salt = digest(*args.command, *args.files)
    due = []
    for name in sys.stdin.read().split("\n"):
        if name:
            key = digest(salt, name, pathlib.Path(name))
            if not passed.has(key):
                due.append((name, key))
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = pool.map(lambda job: run(args.command, job[0]), due)
        for (name, key), output in zip(due, outputs):
            if output:
                print(output, end="")
                failed = True
            else:
                passed.add(key)
    passed.save()
    sys.exit(failed)


if __name__ == "__main__":
    main()
