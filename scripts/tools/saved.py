#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""saved.py FILE DIR - unpack kspan's files in debugfs, as a guest has sent them.

FILE has lines `file MOMENT NAME LINE`, see scripts/guest/tools.sh; DIR gets a
directory for each moment, whose files are 5 seconds younger than those before.
"""
import os
import pathlib
import sys

START, STEP = 1700000000, 5


def unpack(path, out):
    """Write the files.  Return: the moments, in their order."""
    moments = {}
    for line in pathlib.Path(path).read_text("utf-8").splitlines():
        if line.startswith("file "):
            _, moment, name, text = (line.split(" ", 3) + [""])[:4]
            moments.setdefault(moment, {}).setdefault(name, []).append(text)
    for nr, (moment, files) in enumerate(moments.items()):
        folder = pathlib.Path(out) / moment
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            file = folder / name
            file.write_text("\n".join(lines) + "\n", "utf-8")
            os.utime(file, (START + nr * STEP,) * 2)
    return list(moments)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    if not unpack(*sys.argv[1:]):
        sys.exit(f"saved.py: there is no saved file in {sys.argv[1]}")
