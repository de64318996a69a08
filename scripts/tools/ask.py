# SPDX-License-Identifier: GPL-2.0
"""The questions that kspan-drgn and kspan-gdb.py answer from a model.Kspan."""
import argparse

import cli
import debugfs

USAGE = """\
whatis ADDR...   describe an address
objects NAME     list the live objects of a cache or heap, or of a size
holders          list bytes, objects and spans by cache, heap and size
verify           check all structures and report inconsistencies"""
HOLDERS = 30


def objects_of(kspan, name):
    """Yield (address, span) of the live objects of a cache, heap or size."""
    size = int(name) if name.isdigit() else None
    found = False

    def wanted(span):
        nonlocal found
        mine = span.size == size if size else span.owner == name
        found |= mine
        return mine

    yield from kspan.live_objects(wanted)
    if not found:
        raise debugfs.ToolError(f"no cache or heap '{name}' has a span, and no size")


def answer(kspan, words):
    """Yield the output lines of a command.

    A check that finds an error raises ToolError after it has reported the error.
    """
    question, args = (words[0], words[1:]) if words else ("", [])
    if question == "whatis" and args:
        for arg in args:
            try:
                addr = cli.address(arg)
            except argparse.ArgumentTypeError as error:
                raise debugfs.ToolError(str(error)) from None
            yield kspan.describe(addr)
    elif question == "objects" and len(args) == 1:
        count = 0
        for addr, span in objects_of(kspan, args[0]):
            count += 1
            yield f"{addr:#x} {span.size}"
        yield f"{count} live objects"
    elif question == "holders" and not args:
        yield f"{'bytes':>12} {'objects':>10} {'spans':>8}  what"
        for size, objects, spans, name in kspan.holders()[:HOLDERS]:
            yield f"{size:12} {objects:10} {spans:8}  {name}"
    elif question == "verify" and not args:
        seen, wrong = kspan.verify()
        yield ", ".join(f"{count} {name}" for name, count in seen.items())
        yield from wrong
        if wrong:
            raise debugfs.ToolError(f"{len(wrong)} inconsistencies")
        yield "ok"
    else:
        raise debugfs.ToolError("one of these was expected:\n" + USAGE)
