# SPDX-License-Identifier: GPL-2.0
"""Tests of the commands in the documentation and of their output.

In a literal block of debugging.rst and tools.rst, a line that begins with "# " is
a command, and the lines below it are its output; "..." stands for any lines.  A
comment `.. moment: NAME` selects the saved files for the next block.

The commands run here, on these files, instead of the files of a running kspan.
Commands that change something cannot run here; the guest's job must have run them.
"""
import re
import shlex
import subprocess

from testing import TIMEOUT

DOCUMENTS = ("debugging", "tools")
DEBUGFS = "/sys/kernel/debug/kspan"
# They change the machine, so that the guest's job has them.
IN_GUEST = re.compile(r"^(echo|insmod|rmmod|modprobe)\b")
ADDRESS = re.compile(r"0x[0-9a-f]{16}")
# They wait for keys or for time to pass, or are for a machine with other packages.
NOT_RUN = ("scripts/kspantop", "cp -r")


def blocks(text):
    """Yield (moment, [(command, [line])]) of the blocks with commands."""
    moment = "busy"
    for part in re.split(r"\n(?=\S)", text):
        found = re.match(r"\.\. moment: (\w+)", part)
        if found:
            moment = found.group(1)
            continue
        commands = []
        for line in part.splitlines():
            if re.match(r"    # (?!HELP|TYPE)", line):
                commands.append((line[6:], []))
            elif commands and line.startswith("    "):
                commands[-1][1].append(line[4:])
            elif commands and not line and commands[-1][1]:
                commands[-1][1].append("")
        if commands:
            yield moment, commands


def here(bench, moment, command):
    """The command as it is run here."""
    root = bench.root(moment)
    command = command.replace("dmesg", f"cat {root}/dmesg")
    for tool in ("kspantop", "kspan-export"):
        command = command.replace(f"scripts/{tool} ", f"scripts/{tool} --root {root} ")
    if "--core" in command:
        command = command.replace("/proc/kcore", shlex.quote(str(bench.core)))
    elif "kspan-map" in command and "--root" not in command:
        command = command.replace("kspan-map ", f"kspan-map --root {root} ")
    for tool in ("kspan-findleaks", "kspan-drgn"):
        command = command.replace(f"scripts/{tool} ",
                                  f"scripts/{tool} --core {bench.core} ")
    command = command.replace("memory.svg", str(bench.folder / "memory.svg"))
    command = command.replace("kspan.ko", str(bench.module))
    return command.replace(DEBUGFS, str(root))


def alike(line, exact):
    """A line without what differs between two runs."""
    line = re.sub(r"\b(0x)?[0-9a-f]{8,16}\b", "ADDR", line)
    line = re.sub(r"\+0x[0-9a-f]+(/0x[0-9a-f]+)?", "+OFFSET", line)
    line = re.sub(r"\d\d:\d\d:\d\d", "TIME", line)
    line = re.sub(r"/[0-9]+ on CPU \d", "/PID on CPU N", line)
    if not exact:
        line = re.sub(r"\d[\d.]*[KMGT%]?", "N", line)
    return " ".join(line.split())


def compare(wanted, got, exact):
    """Fail unless the wanted lines are present in their order.

    Return: {address in the document: address here}.
    """
    raw = got.splitlines()
    lines = [alike(line, exact) for line in raw]
    addresses = {}
    at, free = 0, False
    while wanted and not wanted[-1]:
        wanted = wanted[:-1]
    for line in wanted:
        if line.strip() == "...":
            free = True
            continue
        text = alike(line, exact)
        if not text:
            continue
        while at < len(lines) and not lines[at]:
            at += 1
        if free or at == 0:
            while at < len(lines) and lines[at] != text:
                at += 1
        assert at < len(lines) and lines[at] == text, \
            f"'{text}' is not printed; there is " \
            f"'{lines[at] if at < len(lines) else 'no more'}'"
        addresses.update(zip(ADDRESS.findall(line), ADDRESS.findall(raw[at])))
        at, free = at + 1, False
    return addresses


def test_commands(bench):
    """Each command of the documents runs and prints what they say."""
    job = "".join((bench.scripts / f"guest/{name}.sh").read_text()
                  for name in ("tools", "oops")).replace('"', "")
    job = job.replace("$DIR", DEBUGFS).replace("insmod /", "insmod ")
    folder = bench.scripts.parent
    ran = 0
    for name in DOCUMENTS:
        addresses = {}
        document = (folder / f"Documentation/{name}.rst").read_text()
        for moment, commands in blocks(document):
            for command, wanted in commands:
                if IN_GUEST.match(command):
                    assert command in job, f"the guest does not run: {command}"
                    continue
                if command in NOT_RUN or command.startswith("cp -r"):
                    continue
                memory = "/proc/kcore" in command or "findleaks" in command or \
                    "kspan-drgn" in command
                if memory and not bench.core:
                    continue
                text = ADDRESS.sub(lambda found: addresses.get(
                    found.group(), found.group()), command)
                done = subprocess.run(
                    ["bash", "-c", here(bench, moment, text)], cwd=folder,
                    capture_output=True, text=True, timeout=TIMEOUT, check=False)
                assert done.returncode == 0, f"{command}: {done.stderr[-300:]}"
                try:
                    # Later commands are about the addresses of this machine.
                    # Only the saved files always have the same numbers.
                    addresses.update(compare(wanted, done.stdout, not bench.core))
                except AssertionError as error:
                    raise AssertionError(f"{command}: {error}") from None
                ran += 1
    assert ran > 5, f"only {ran} commands were found"
    return f"{ran} commands"
