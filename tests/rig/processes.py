"""Starts programs that can never outlive the test, and ends them by their own process id.

The kernel ends a child (PR_SET_PDEATHSIG) when the *thread* that started it ends, so start things from a thread that
lives as long as they shall: the main one, usually.
"""

import ctypes
import os
import re
import signal
import subprocess

from rig.eventually import eventually

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with(parent):
    def before_exec():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before the line above
            os._exit(1)

    return before_exec


class Process:
    """A running program in a process group of its own; what it prints goes to a log file."""

    def __init__(self, name, argv, log_path, env=None, cwd=None):
        self.name = name
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=cwd, start_new_session=True,
                env={**os.environ, **(env or {})}, preexec_fn=_die_with(os.getpid()))

    @property
    def pid(self):
        return self._child.pid

    def exit_status(self):
        """None while it runs; negative is the signal that ended it."""
        return self._child.poll()

    def running(self):
        return self.exit_status() is None

    def log(self, after=0):
        """What it has printed, without the first `after` bytes."""
        with open(self.log_path, "rb") as log:
            log.seek(after)
            return log.read().decode(errors="replace")

    def wait_for_log(self, pattern, seconds, after=0):
        """The first match of the pattern in the log after that many bytes; fails at once if the program ends before."""

        def look():
            match = re.search(pattern, self.log(after), re.MULTILINE)
            if match is None and not self.running():
                raise RuntimeError(f"{self.name} ended ({self.exit_status()}) before {pattern!r}:\n{self.tail()}")
            return match

        return eventually(look, seconds, f"{self.name} logs {pattern!r} ({self.log_path})")

    def tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def wait(self, seconds):
        """Its exit status; fails if it still runs after that time."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            still = f"{self.name} (pid {self.pid}) still runs after {seconds:g} s:\n{self.tail()}"
            raise AssertionError(still) from None

    def terminate(self, seconds=15):
        """Asks it to end with SIGTERM, and returns its exit status; a program that stays is killed, and that fails."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        finally:
            self.kill()

    def kill(self):
        """kill -9 of it and of its process group; no matter if it is gone already."""
        if self.running():
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()


def run(argv, seconds=60, check=True, env=None, cwd=None, stdout=subprocess.PIPE):
    """Runs a command to its end and returns it with its output as text; a failure shows that output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=cwd,
                          env={**os.environ, **(env or {})}, timeout=seconds, preexec_fn=_die_with(os.getpid()))
    if check and done.returncode != 0:
        told = f"{done.stdout or ''}\n{done.stderr}".rstrip()
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}\n{told}")
    return done
