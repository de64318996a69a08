#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Search the Spin models of scripts/model/ exhaustively.

A model lists its settings in its first comment, one on each line:

    Run: NAME FLAG...

Every setting is searched exhaustively.  An error, an incomplete search, or a
statement that no setting reaches is a failure.  Statements that only mutants
reach are marked by the comment "mutants".

With --mutants each of the faults and limits that a model names is searched for,
in the setting named with it, and every one must be found:

    #ifdef MUTANT_1     /* NAME: what is wrong */
     * LIMIT_1 NAME: what is known to be possible
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = ROOT / "scripts" / "model"
MEMORY_MB = 1536
SECONDS = 500           # a busy machine; the longest takes a tenth of it
DEPTH = 100000

RUN = re.compile(r"^ \* Run: (\w+) *(.*)$", re.M)
FAULT = re.compile(r"^(?:#ifdef| \*) ((?:MUTANT|LIMIT)_\d+)\s+(?:/\*\s*)?(\w+):\s"
                   r"(.*?)(?:\s*\*/)?$", re.M)
STATE = re.compile(r"^\tstate +(\d+) -\(.*?([\w.]+):(\d+) =>", re.M)
UNREACHED = re.compile(r"^\t\S+:\d+, state (\d+),", re.M)

Job = collections.namedtuple("Job", "model name flags fault what")
Result = collections.namedtuple("Result", "job problem error states mb seconds "
                                "lines missed")


def say(text):
    """Print progress immediately."""
    print(text, flush=True)


def command(args, folder, seconds=SECONDS):
    """Run a program; its output, and a problem or None."""
    try:
        done = subprocess.run(args, cwd=folder, timeout=seconds, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return "", f"{args[0]} did not end within {seconds} s"
    if done.returncode and args[0] != "./pan":
        return done.stdout, f"{args[0]} failed:\n{done.stdout.strip()}"
    return done.stdout, None


def by_proctype(text, heading):
    """Split pan's output at its headings into (name, text)."""
    parts = re.split(rf"(?m)^{heading} (?:proctype )?(\S+)\n", text)
    return zip(parts[1::2], parts[2::2])


def coverage(table, output):
    """A model's lines with statements, and those of which none was reached.

    An inline is expanded in several processes.  Its line counts as reached if
    one of them reaches it.
    """
    states = collections.defaultdict(set)
    for process, text in by_proctype(table, "proctype"):
        for state, file, line in STATE.findall(text):
            states[file, int(line)].add((process, state))
    missed = set()
    for process, text in by_proctype(output, "unreached in"):
        missed.update((process, state) for state in UNREACHED.findall(text))
    lines = set(states)
    return lines, {line for line in lines if states[line] <= missed}


def number(pattern, text):
    """The number that a pattern finds, or 0."""
    match = re.search(pattern, text)
    return float(match.group(1)) if match else 0


def search(job):
    """Generate, build and run one verifier."""
    flags = job.flags.split() + ([f"-D{job.fault}"] if job.fault else [])
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kspan-model.") as folder:
        for file in job.model.parent.glob("*.[ip][nm][cl]"):
            shutil.copy(file, folder)
        build = ["gcc", "-O0" if job.fault else "-O2", "-w", "-DSAFETY",
                 "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"]
        output, table = "", ""
        for args in (["spin", "-a", *flags, job.model.name], build):
            output, problem = command(args, folder)
            if problem:
                break
        else:
            output, problem = command(["./pan", f"-m{DEPTH}", "-w24"], folder)
            table, _ = command(["./pan", "-d"], folder)
    error = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", output, re.M)
    if not problem and not re.search(r"errors: \d+", output):
        problem = "the verifier broke off:\n" + output[-2000:]
    if not problem and not error and re.search(
            r"Search not completed|max search depth too small", output):
        problem = "the search is not complete"
    lines, missed = coverage(table, output)
    return Result(job, problem, error and error.group(1),
                  int(number(r"(\d+) states, stored", output)),
                  number(r"([\d.]+)\s+total actual memory", output),
                  time.monotonic() - begun, lines, missed)


def jobs_of(model, mutants):
    """The searches to do for a model."""
    text = model.read_text(encoding="utf-8")
    runs = dict(RUN.findall(text))
    if not runs:
        raise SystemExit(f"{model.name}: no line \" * Run: NAME FLAG...\"")
    if not mutants:
        return [Job(model, name, flags, None, "") for name, flags in runs.items()]
    jobs = []
    for fault, name, what in FAULT.findall(text):
        if name not in runs:
            raise SystemExit(f"{model.name}: {fault}: there is no run {name}")
        jobs.append(Job(model, name, runs[name], fault, what))
    known = set(re.findall(r"\b(?:MUTANT|LIMIT)_\d+\b", text))
    for fault in sorted(known - {job.fault for job in jobs}):
        raise SystemExit(f"{model.name}: {fault} does not say what it is")
    return jobs


def failure(result):
    """What is wrong with a result, or None."""
    if result.problem:
        return result.problem
    if result.job.fault:
        return None if result.error else "not found"
    return result.error


def report(result):
    """Print one line, and what is wrong.  Return: whether the result is right."""
    job, wrong = result.job, failure(result)
    title = f"{job.model.name} {job.fault or job.name}"
    if job.fault and not wrong:
        say(f"ok {title}: {job.what}: {result.error}")
    elif not wrong:
        say(f"ok {title}: {result.states} states, {result.mb:.0f} MiB, "
            f"{result.seconds:.0f} s with its build")
    else:
        say(f"FAIL {title} ({job.flags}): {wrong}")
        if not job.fault:
            say("    to see the way there: spin -a, gcc -DSAFETY pan.c, ./a.out, "
                "spin -t -p, each with these flags")
    return not wrong


def never_reached(results):
    """Lines that no setting of their model reaches."""
    for model in sorted({result.job.model for result in results}):
        mine = [result for result in results if result.job.model == model]
        lines = set().union(*(result.lines for result in mine))
        reached = set().union(*(result.lines - result.missed for result in mine))
        for file, line in sorted(lines - reached):
            path = model.with_name(file)
            text = path.read_text(encoding="utf-8").splitlines()[line - 1]
            # A line that only closes a construct is not a statement.
            if "mutants" not in text and not re.fullmatch(r"\s*(do|od|if|fi)?;?", text):
                yield f"{file}:{line}: never reached: {text.strip()}"


def main():
    """Search the models; exit with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path,
                        help="default: all of scripts/model/")
    parser.add_argument("--mutants", action="store_true",
                        help="expect the faults that the models name to be found")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count(),
                        help="searches at a time, 1.5 GiB each (default: %(default)s)")
    args = parser.parse_args()
    for tool in "spin", "gcc":
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; scripts/setup.sh check installs it")
    jobs = [job for model in args.models or sorted(MODELS.glob("*.pml"))
            for job in jobs_of(model.resolve(), args.mutants)]
    say(f"... {len(jobs)} searches")
    results, good = [], True
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in concurrent.futures.as_completed(
                [pool.submit(search, job) for job in jobs]):
            results.append(done.result())
            good &= report(results[-1])
    if not args.mutants and good:
        for finding in never_reached(results):
            say(f"FAIL {finding}")
            good = False
    sys.exit(not good)


if __name__ == "__main__":
    main()
