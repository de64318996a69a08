# SPDX-License-Identifier: GPL-2.0
"""Functions that the tests of the tools share."""
import shutil
import subprocess

TIMEOUT = 300


def run(bench, tool, *args, stdin=None):
    """Run a tool of scripts/."""
    return subprocess.run([str(bench.scripts / tool), *map(str, args)],
                          capture_output=True, text=True, timeout=TIMEOUT,
                          input=stdin, check=False)


def good(bench, tool, *args, stdin=None):
    """What a tool prints that must succeed, without a complaint."""
    done = run(bench, tool, *args, stdin=stdin)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-400:]}"
    assert not done.stderr, done.stderr
    return done.stdout


def bad(bench, tool, *args, says, code=1):
    """A tool must fail with one line that says so."""
    done = run(bench, tool, *args)
    assert done.returncode == code, f"exit code {done.returncode}, not {code}"
    assert "Traceback" not in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert says in done.stderr, f"'{done.stderr.strip()}' lacks '{says}'"
    return done


def copy(bench, moment, name):
    """A copy of a saved directory that a test may damage."""
    target = bench.folder / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(bench.root(moment), target)
    return target


def same(got, want):
    """Fail with both values."""
    assert got == want, f"{got!r} is not {want!r}"
