#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check that no probe can be set where its use of kspan would do harm.

The kernel refuses probes in functions marked __kspan_noprobe, which the
compiler puts into the section .kprobes.text.  Such a function runs while a
lock is held or while a magazine changes.  So every function of kspan's that it
calls has to be marked as well.  The same holds for calls on every path from an
instruction that takes a raw spinlock to one that releases it.  Calls by pointer
are not followed.
"""
import argparse
import re
import subprocess
import sys

NOPROBE = ".kprobes.text"
LOCK = re.compile(r"_raw_spin_(try)?lock")
UNLOCK = re.compile(r"_raw_spin_unlock")
# Functions that do not return.
END = re.compile(r"_*(fortify_panic|stack_chk_fail|x86_return_thunk|panic)$")


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


def instructions(module, places):
    """Yield (section, function, [(address, mnemonic, target)]) of a module.

    The target of a jump within the function is an address, that of another jump
    or of a call is the name of a function.
    """
    section = name = None
    code = []
    for line in objdump("-d", "-r", "--no-show-raw-insn", module):
        head = re.match(r"Disassembly of section (\S+):", line)
        label = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        reloc = re.match(r"\s+[0-9a-f]+: R_X86_64_P(?:LT|C)32\s+"
                         r"(\S+?)([-+]0x[0-9a-f]+)?$", line)
        insn = re.match(r"\s+([0-9a-f]+):\s+(\w+)\s*(?:([0-9a-f]+) <([^>]+)>)?",
                        line)
        if head or label:
            if code:
                yield section, name, code
            code = []
            section = head.group(1) if head else section
            name = label.group(1) if label else None
        elif reloc:
            if code and (code[-1][1] == "call" or code[-1][1].startswith("j")):
                target, offset = reloc.group(1), int(reloc.group(2) or "0", 16)
                # A relocation counts from the end of its four bytes.
                code[-1] = (*code[-1][:2],
                            places.get((target, offset + 4), target))
        elif insn and "R_X86_64" not in line:
            address, mnemonic, target, symbol = insn.groups()
            if symbol and symbol.partition("+")[0] != name:
                target = symbol.partition("+")[0]
            elif target:
                target = int(target, 16)
            code.append((int(address, 16), mnemonic, target))
    if code:
        yield section, name, code


def locked_calls(code):
    """Yield the functions that code calls while it holds a raw spinlock."""
    index = {address: i for i, (address, _, _) in enumerate(code)}
    paths = [i + 1 for i, (_, mnemonic, target) in enumerate(code)
             if mnemonic == "call" and LOCK.match(str(target))]
    seen = set()
    while paths:
        i = paths.pop()
        if i in seen or i >= len(code):
            continue
        seen.add(i)
        _, mnemonic, target = code[i]
        is_jump = mnemonic.startswith("j")
        if isinstance(target, str) and (is_jump or mnemonic == "call"):
            if UNLOCK.match(target) or END.match(target):
                continue
            # Nothing can be probed in the parts that the compiler moved away.
            if not target.endswith(".cold"):
                yield target
        elif is_jump and target in index:
            paths.append(index[target])
        if mnemonic not in ("jmp", "ret", "ud2"):
            paths.append(i + 1)


def main():
    """Check one module; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="kspan.ko or kspan.o for x86-64")
    args = parser.parse_args()
    sections, places = functions(args.module)
    if not any(NOPROBE in where for where in sections.values()):
        sys.exit(f"{args.module}: no function is marked __kspan_noprobe")
    bad = set()
    for section, caller, code in instructions(args.module, places):
        if section == NOPROBE:
            callees = [target for _, _, target in code]
        else:
            callees = locked_calls(code)
        bad |= {(caller, callee) for callee in callees
                if callee in sections and NOPROBE not in sections[callee]}
    for caller, callee in sorted(bad):
        print(f"{caller}() calls {callee}(), which is not __kspan_noprobe")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
