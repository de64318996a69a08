#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ktap.py - read the KUnit results in a kernel log.

Prints each case that failed, with the kernel's messages since the case before
it, and a last line `N passed, N failed`.  A log that is truncated or
inconsistent is a failure: it has no suite, or a suite without an end, or not
the announced number of cases or suites, or a suite that failed although its
cases passed.  Exits with 1 on any failure.
"""

import argparse
import re
import sys

TIME = re.compile(r"^(?:<\d>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?")
RESULT = re.compile(r"^( *)(ok|not ok) (\d+) ?-? ?(\S*)(.*)$")
SUBTEST = re.compile(r"^( +)# Subtest: (\S+)$")
PLAN = re.compile(r"^( *)1\.\.(\d+)$")
INDENT = 4
# Most lines of the log that are shown for a failed case.
MAX_LINES = 40


class Suite:
    """One suite as far as the log shows it."""

    def __init__(self, name):
        self.name = name
        self.plan = None
        self.cases = []         # (name, verdict) with verdict ok, not ok, skip
        self.verdict = None


class Reader:
    """Reads the log line by line and collects results and complaints."""

    def __init__(self):
        self.suites = []
        self.plan = None        # suites announced; 6.1 announces none
        self.complaints = []
        self.failures = []      # (suite, case, lines)
        self.open = None        # suite without its end so far
        self.recent = []        # lines since the last result of a case

    def complain(self, text):
        """Record an inconsistency of the log itself."""
        self.complaints.append(text)

    def close(self):
        """End a suite whose result is missing."""
        if self.open:
            done = len(self.open.cases)
            self.complain(f"{self.open.name}: cut short after {done} cases"
                          f" of {self.open.plan}")
            self.failures.append((self.open.name, "(the case that was running)",
                                  self.recent))
            self.open = None

    def begin(self, name):
        """A suite's header."""
        self.close()
        self.open = Suite(name)
        self.suites.append(self.open)
        self.recent = []

    def case(self, verdict, number, name, rest):
        """The result of a case."""
        suite = self.open
        if not suite:
            self.complain(f"result of case {name} outside of a suite")
            return
        if "# SKIP" in rest:
            verdict = "skip"
        suite.cases.append((name, verdict))
        if number != len(suite.cases):
            self.complain(f"{suite.name}: case {name} has number {number},"
                          f" not {len(suite.cases)}")
        if verdict == "not ok":
            self.failures.append((suite.name, name, self.recent))
        self.recent = []

    def end(self, verdict, name, rest):
        """The result of a suite."""
        suite = self.open
        if not suite or suite.name != name:
            # A suite whose init failed has no header.
            self.close()
            suite = Suite(name)
            self.suites.append(suite)
        suite.verdict = "skip" if "# SKIP" in rest else verdict
        failed = any(v == "not ok" for _, v in suite.cases)
        if suite.plan is not None and suite.plan != len(suite.cases):
            self.complain(f"{name}: {suite.plan} cases announced,"
                          f" {len(suite.cases)} ran")
        if verdict == "not ok" and not failed:
            self.complain(f"{name}: the suite failed outside of its cases")
            self.failures.append((name, "(suite)", self.recent))
        if verdict == "ok" and failed:
            self.complain(f"{name}: ok although cases failed")
        if verdict == "ok" and not suite.cases:
            self.complain(f"{name}: no cases")
        self.open = None
        self.recent = []

    def line(self, text):
        """One line of the log, without its time stamp."""
        self.recent.append(text)
        match = SUBTEST.match(text)
        if match and len(match[1]) == INDENT:
            self.begin(match[2])
            return
        match = PLAN.match(text)
        if match:
            if not match[1]:
                # The kernel announces its built-in suites, of which it has none.
                self.plan = (self.plan or 0) + int(match[2])
            elif len(match[1]) == INDENT and self.open:
                self.open.plan = int(match[2])
            return
        match = RESULT.match(text)
        if match and len(match[1]) == INDENT:
            self.case(match[2], int(match[3]), match[4], match[5])
        elif match and not match[1]:
            self.end(match[2], match[4], match[5])

    def finish(self, expected):
        """Check what is only known at the end of the log."""
        self.close()
        ran = len(self.suites)
        if not ran:
            self.complain("no suite ran")
        if self.plan and self.plan != ran:
            self.complain(f"{self.plan} suites announced, {ran} ran")
        # Suites may run several times, with different parameters.
        names = {suite.name for suite in self.suites}
        if expected is not None and expected != len(names):
            self.complain(f"{expected} suites in the module,"
                          f" {len(names)} ran")


def main():
    """Read, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("--suites", type=int, metavar="N",
                        help="how many different suites must be in the log")
    args = parser.parse_args()

    reader = Reader()
    with open(args.log, encoding="utf-8", errors="replace") as log:
        for text in log:
            reader.line(TIME.sub("", text.rstrip("\r\n")))
    reader.finish(args.suites)

    for suite, case, lines in reader.failures:
        print(f"FAILED {suite}.{case}")
        if len(lines) > MAX_LINES:
            print(f"    ... {len(lines) - MAX_LINES} lines more")
        for text in lines[-MAX_LINES:]:
            print(f"    {text.strip()}")
    for text in reader.complaints:
        print(f"FAILED log: {text}")

    verdicts = [v for suite in reader.suites for _, v in suite.cases]
    skipped = verdicts.count("skip")
    failed = verdicts.count("not ok") + len(reader.complaints)
    if skipped:
        print(f"{skipped} skipped")
    print(f"{verdicts.count('ok')} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
