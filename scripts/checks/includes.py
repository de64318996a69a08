#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that kspan's files only include headers of their layer or below.

The folders of module/ are its layers.  A file may include headers of its own
folder and of the folders below it, each by the names of the folder and the
file.  Headers must not include each other in a circle.  Suites in kunit/ may
include any header of the module; clients of the public API must not include
any.  No file includes a .c file.
"""
import argparse
import pathlib
import re
import sys

from csource import matches, read

# From the lowest to the highest.  main.c is above all of them.
LAYERS = "base span heap central cache reclaim api show".split()
TOP = "main"

CLIENTS = ("Documentation/example", "scripts/torture", "scripts/bench")
INCLUDE = r'(?m)^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]'


def includes(path):
    """Yield (line, is quoted, name) for each #include of a file."""
    for line, match in matches(INCLUDE, read(path)):
        yield line, match.group(1) == '"', match.group(2)


def layer_of(name):
    """The number of the layer of "folder/file.h", or None."""
    folder = name.partition("/")[0] if "/" in name else None
    if name.startswith(f"{TOP}."):
        return len(LAYERS)
    return LAYERS.index(folder) if folder in LAYERS else None


def module_files(root):
    """Yield the path of each file of module/, and its name in an #include."""
    top = root / "module"
    for path in sorted(top.rglob("*.[ch]")):
        name = path.relative_to(top).as_posix()
        if not name.startswith("include/"):
            yield path, name


def check_module(root, say):
    """Check the files of module/ against the layers."""
    needs = {}
    for path, name in module_files(root):
        own = layer_of(name)
        if own is None:
            say(path, 1, f"{name} is in no layer: {' '.join(LAYERS)}")
            continue
        for line, quoted, other in includes(path):
            if not quoted:
                if re.match(r"kunit/", other):
                    say(path, line, f"<{other}> belongs into kunit/ alone")
                continue
            target = layer_of(other)
            if not other.endswith(".h"):
                say(path, line, f'"{other}" is no header')
            elif target is None:
                say(path, line, f'"{other}" does not name its layer')
            elif target > own:
                say(path, line, f'"{other}" lies above {LAYERS[own]}/')
            elif not (root / "module" / other).exists():
                say(path, line, f'there is no "{other}"')
            else:
                needs.setdefault(name, []).append((path, line, other))
    return needs


def check_public(root, say):
    """The public headers must not need internal ones."""
    for path in sorted((root / "module/include").rglob("*.h")):
        for line, quoted, name in includes(path):
            if quoted or not name.startswith(("linux/", "asm/")):
                say(path, line, f"a client would not find {name}")


def check_kunit(root, say):
    """Suites may include all headers, but no .c file."""
    known = {name for _, name in module_files(root)}
    known |= {path.name for path in (root / "kunit").glob("*.h")}
    for path in sorted((root / "kunit").rglob("*.[ch]")):
        for line, quoted, name in includes(path):
            if name.endswith(".c"):
                say(path, line, f"{name} is no header")
            elif quoted and name not in known:
                say(path, line, f'there is no "{name}" in module/ or kunit/')


def check_rooms(root, say):
    """The table of files in design.rst names each file of the module once."""
    path = root / "Documentation/design.rst"
    text = read(path).partition("\nRooms\n=====\n")[2]
    table = re.search(r"(?ms)^=+  =+\n(.*?)^=+  =+\n", text)
    listed = re.findall(r"(?m)^(\S+)", table.group(1)) if table else []
    there = {name[:-2] for _, name in module_files(root)}
    for name in sorted(there - set(listed)):
        say(path, 1, f"{name} is not in the table of rooms")
    for name in sorted(set(listed) - there):
        say(path, 1, f"{name} is in the table of rooms and not in module/")
    for name in sorted({name for name in listed if listed.count(name) > 1}):
        say(path, 1, f"{name} is twice in the table of rooms")


def check_clients(root, say):
    """Clients may include the public header and those of the kernel."""
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

    for check in (check_module, check_public, check_kunit, check_clients,
                  check_rooms):
        check(root, say)
    print("\n".join(findings), end="\n" if findings else "")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
