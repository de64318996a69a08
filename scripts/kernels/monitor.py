#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""monitor.py SOCKET COMMAND - send a command to QEMU's monitor and wait for its end.

Prints the answer.
"""
import socket
import sys

PROMPT = b"(qemu) "


def until_prompt(sock):
    """Read up to the next prompt."""
    said = b""
    while not said.endswith(PROMPT):
        part = sock.recv(4096)
        if not part:
            sys.exit("monitor.py: QEMU has ended")
        said += part
    return said[:-len(PROMPT)].decode("utf-8", "replace")


def main():
    """One command."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(sys.argv[1])
        until_prompt(sock)
        sock.sendall(sys.argv[2].encode() + b"\n")
        # The first line is an echo of the command.
        print("".join(until_prompt(sock).splitlines(True)[1:]), end="")


if __name__ == "__main__":
    main()
