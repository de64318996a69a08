# SPDX-License-Identifier: GPL-2.0
"""What the command lines of the tools have in common."""
import argparse
import os
import pathlib
import sys
import tempfile

import debugfs


class Parser(argparse.ArgumentParser):
    """A parser whose help is the leading comment of the script.

    A wrong argument is an error of one line, with exit code 2.
    """

    def __init__(self, doc):
        self.doc = doc
        super().__init__(prog=pathlib.Path(sys.argv[0]).name, allow_abbrev=False)

    def format_help(self):
        return self.doc

    def error(self, message):
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(2)


def seconds(text):
    """A time that is above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return value


def count(text):
    """A whole number that is not negative."""
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return int(text)


def address(text):
    """An address in hexadecimal, with or without 0x."""
    try:
        value = int(text, 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"'{text}' is no address")
    return value


def write_whole(path, data):
    """Replace a file at once: its readers see the old one or the new one."""
    path = pathlib.Path(path)
    if isinstance(data, str):
        data = data.encode()
    try:
        # The suffix keeps collectors from reading the unfinished file.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part",
                                        dir=path.parent)
    except OSError as error:
        raise debugfs.ToolError(
            f"cannot write to {path.parent}: {error.strerror}") from None
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        os.unlink(name)
        raise debugfs.ToolError(
            f"cannot write {path}: {error.strerror}") from None


def run(main):
    """Run a tool; an error it knows is one line and exit code 1."""
    prog = pathlib.Path(sys.argv[0]).name
    try:
        main()
        sys.stdout.flush()
    except debugfs.ToolError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader has closed the pipe; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
