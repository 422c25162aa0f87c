"""A file system that is soon full, for one test: only what is started with its command() has it at its path."""

import contextlib
import os

from rig.processes import Process, run


class SmallDisk:
    def __init__(self, scratch, kib=2048):
        self.path = scratch.directory("disk")
        mount = f'mount -t tmpfs -o size={kib}k tmpfs "$0" && echo ready && exec sleep infinity'
        self._holder = Process("disk", ["unshare", "--mount", "--propagation=private", "sh", "-c", mount, self.path],
                               scratch.file("disk.log"))
        self._holder.wait_for_log("^ready$", 20)

    def command(self, argv):
        """The command line that runs `argv` where the disk is."""
        return ["nsenter", f"--target={self._holder.pid}", "--mount", "--", *argv]

    def file(self, name):
        """A file on it, as the test can reach it."""
        return f"/proc/{self._holder.pid}/root{self.path}/{name}"

    def fill(self):
        """To the last byte."""
        with open(self.file("ballast"), "ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        assert os.statvfs(self.file("")).f_bavail == 0

    def make_room(self):
        os.remove(self.file("ballast"))

    def make_read_only(self):
        """REQUIRES: nothing has a file open there for writing."""
        run(self.command(["mount", "-o", "remount,ro", self.path]))

    def close(self):
        self._holder.kill()
