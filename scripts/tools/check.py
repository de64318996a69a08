#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""check.py [--saved FILE] [--core CORE --module KO] [PART...] - test the tools.

FILE contains the output of scripts/guest/tools.sh; the default is the copy beside
this script.  With CORE, a memory dump of the same guest, the tools that read
memory are tested as well.  Prints a line `ok ...` or `FAIL ...` for each check.
"""
import argparse
import importlib
import pathlib
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import saved  # noqa: E402

# Modules test_NAME.py with functions test_*; the second row needs a dump.
PARTS = ["debugfs", "top", "export", "map", "docs"]
MEMORY_PARTS = ["model", "leaks"]


class Bench:
    """What the tests have to work with."""

    def __init__(self, args, folder):
        self.scripts = HERE.parent
        self.folder = pathlib.Path(folder)
        self.core, self.module = args.core, args.module
        self.moments = saved.unpack(args.saved, self.folder / "saved")

    def root(self, moment):
        """The saved copy of debugfs of a moment."""
        return self.folder / "saved" / moment


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--saved", default=HERE / "saved")
    parser.add_argument("--core")
    parser.add_argument("--module")
    parser.add_argument("part", nargs="*")
    args = parser.parse_args()
    failed = 0
    parts = args.part or PARTS + (MEMORY_PARTS if args.core else [])
    with tempfile.TemporaryDirectory(prefix="kspan.") as folder:
        bench = Bench(args, folder)
        for part in parts:
            module = importlib.import_module(f"test_{part}")
            for name, test in sorted(vars(module).items()):
                if not name.startswith("test_"):
                    continue
                title = f"{part}: {test.__doc__.splitlines()[0].rstrip('.')}"
                try:
                    said = test(bench)
                    print(f"ok {title}" + (f": {said}" if said else ""), flush=True)
                except Exception as error:
                    failed += 1
                    print(f"FAIL {title}: {type(error).__name__} {error}",
                          flush=True)
                    traceback.print_exc(file=sys.stdout)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
