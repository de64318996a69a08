#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that no files of kspan need each other in a circle.

Reads the objects of a built module with nm: a file needs another one if it
uses a function or a variable that the other defines.  Files may need files of
their own layer and of layers below it (see includes.py), but no chain of files
may lead back to its beginning.
"""
import argparse
import pathlib
import subprocess
import sys

from includes import LAYERS, layer_of


def symbols(path):
    """The symbols that an object defines and that it uses."""
    out = subprocess.run(["nm", path], check=True, capture_output=True,
                         text=True).stdout
    defined, used = set(), set()
    for line in out.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            used.add(name)
        elif kind in "TDBRV":
            defined.add(name)
    return defined, used


def read_needs(top):
    """What each file needs: {file: {other: [symbol, ...]}}."""
    found = {path.relative_to(top).with_suffix("").as_posix(): symbols(path)
             for path in sorted(top.rglob("*.o"))}
    home = {name: file for file, (defined, _) in found.items()
            for name in defined}
    needs = {file: {} for file in found}
    for file, (_, used) in found.items():
        for name in sorted(used):
            other = home.get(name, file)
            if other != file:
                needs[file].setdefault(other, []).append(name)
    return needs


def circles(needs):
    """Yield each set of files that need each other (Tarjan's algorithm)."""
    index, low, stack, result = {}, {}, [], []

    def visit(file):
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in needs[file]:
            if other not in index:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], index[other])
        if low[file] == index[file]:
            at = stack.index(file)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                result.append(sorted(group))

    for file in needs:
        if file not in index:
            visit(file)
    return result


def main():
    """Check one build; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path,
                        help="a tree in which the module was built")
    needs = read_needs(parser.parse_args().build / "module")
    bad = 0
    if not needs:
        sys.exit("there is no object")
    for file, others in needs.items():
        for other, names in others.items():
            own, target = layer_of(file + ".c"), layer_of(other + ".c")
            if target > own:
                print(f"{file}.c lies in {LAYERS[own]}/ and needs {names[0]} "
                      f"of {other}.c, which lies above")
                bad += 1
    for group in circles(needs):
        bad += 1
        print("these need each other:")
        for file in group:
            for other in sorted(set(needs[file]) & set(group)):
                print(f"    {file}.c needs {', '.join(needs[file][other])} "
                      f"of {other}.c")
    print(f"{len(needs)} files, {bad} findings")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
