#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that no probe can be set where its use of kspan would do harm.

The kernel refuses probes in functions marked __kspan_noprobe, which the
compiler puts into the section .kprobes.text.  Such a function runs while a
lock is held or while a magazine changes.  So every function of kspan's that it
calls has to be marked as well.  The same holds for calls between the
instructions that take a raw spinlock and those that release it.  The second
part follows the addresses of the instructions, not the branches, so it can miss
calls.
"""
import argparse
import re
import subprocess
import sys

NOPROBE = ".kprobes.text"
LOCK = re.compile(r"_raw_spin_(try)?lock")
UNLOCK = re.compile(r"_raw_spin_unlock")


def objdump(*args):
    """Return the lines that objdump prints."""
    return subprocess.run(["objdump", *args], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def functions(module):
    """Return {name: sections} and {(section, address): name} of a module."""
    sections, places = {}, {}
    for line in objdump("-t", module):
        entry = re.match(r"([0-9a-f]+)\s.*\sF (\S+)\s+[0-9a-f]+ (?:\.hidden )?"
                         r"(\S+)$", line)
        if entry:
            address, section, name = entry.groups()
            sections.setdefault(name, set()).add(section)
            places[section, int(address, 16)] = name
    return sections, places


def calls(module, places):
    """Yield (section, function, function called) in the order of addresses."""
    section = caller = None
    is_call = False
    for line in objdump("-d", "-r", "--no-show-raw-insn", module):
        head = re.match(r"Disassembly of section (\S+):", line)
        label = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        reloc = re.match(r"\s+[0-9a-f]+: R_X86_64_P(?:LT|C)32\s+"
                         r"(\S+?)([-+]0x[0-9a-f]+)?$", line)
        insn = re.match(r"\s+[0-9a-f]+:\s+(call|jmp)\s+[0-9a-f]+ <([^>]+)>",
                        line)
        if head:
            section = head.group(1)
        elif label:
            caller = label.group(1)
            yield section, caller, None
        elif reloc:
            if is_call:
                name, offset = reloc.group(1), int(reloc.group(2) or "0", 16)
                # A relocation counts from the end of its four bytes.
                yield section, caller, places.get((name, offset + 4), name)
            is_call = False
        else:
            is_call = bool(insn)
            if insn and "+0x" not in insn.group(2):
                yield section, caller, insn.group(2)


def main():
    """Check one module; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="kspan.ko or kspan.o for x86-64")
    args = parser.parse_args()
    sections, places = functions(args.module)
    if not any(NOPROBE in where for where in sections.values()):
        sys.exit(f"{args.module}: no function is marked __kspan_noprobe")
    bad = set()
    locked = False
    for section, caller, callee in calls(args.module, places):
        if callee is None:
            locked = False
        elif UNLOCK.match(callee):
            locked = False
        elif LOCK.match(callee):
            locked = True
        elif ((locked or section == NOPROBE) and callee in sections and
              NOPROBE not in sections[callee]):
            bad.add((caller, callee))
    for caller, callee in sorted(bad):
        print(f"{caller}() calls {callee}(), which is not __kspan_noprobe")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
