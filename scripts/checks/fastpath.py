#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Check the machine code of the fast paths in an x86-64 kspan.ko.

kspan_alloc() and kspan_free() are fast because they mask no interrupts and use
a single atomic operation: kspan_free() claims the object by a compare-and-
exchange, so that exactly one of two simultaneous frees succeeds.  An inlined
helper could add more such operations without changing any result, so only the
machine code shows them.
"""
import argparse
import re
import subprocess
import sys

# The number of compare-and-exchanges that each function may have.
CLAIMS = {"kspan_alloc": 0, "kspan_free": 1}

# Instructions that are expensive, with their names for the report.
COSTLY = (
    (r"\block\b(?! cmpxchg)", "locked instruction"),
    # Between registers it is a two-byte nop; with memory it locks the bus.
    (r"\bxchg\w*\s.*\(", "exchange, locked by nature"),
    (r"\b(cli|sti)\b", "interrupt masking"),
    (r"\b(pushf|popf)\w*", "saving of the interrupt flag"),
    # With CONFIG_PARAVIRT_XXL the hypervisor handles the interrupt flag.
    (r"\bpv_ops\b", "call for the interrupt flag"),
    (r"\b(mfence|lfence|sfence)\b", "memory barrier"),
)


def disassemble(module):
    """Yield (function, instruction or relocation) for a module's text."""
    out = subprocess.run(["objdump", "-d", "-r", "--no-show-raw-insn", module],
                         check=True, capture_output=True, text=True).stdout
    name = None
    for line in out.splitlines():
        label = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        if label:
            name = label.group(1)
        elif re.match(r"\s+[0-9a-f]+:\s", line):
            yield name, " ".join(line.split())


def main():
    """Check one module; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", help="kspan.ko, built for x86-64")
    args = parser.parse_args()
    count = dict.fromkeys(CLAIMS, 0)
    claims = dict.fromkeys(CLAIMS, 0)
    bad = 0
    for name, insn in disassemble(args.module):
        if name not in count:
            continue
        if "R_X86_64" not in insn:
            count[name] += 1
        claims[name] += bool(re.search(r"\bcmpxchg", insn))
        for regex, what in COSTLY:
            if re.search(regex, insn):
                print(f"{name}: {what}: {insn}")
                bad += 1
    for name, number in count.items():
        if not number:
            print(f"{name}: not in {args.module}")
            bad += 1
        else:
            print(f"{name}: {number} instructions")
        if claims[name] != CLAIMS[name]:
            print(f"{name}: {claims[name]} compare-and-exchanges, "
                  f"not {CLAIMS[name]}")
            bad += 1
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
