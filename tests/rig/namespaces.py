"""Process, network and mount namespaces of our own: a machine in the machine.

What runs in one cannot clash with anything outside (ports, bridges, packet filters, mounts), and when its first
process ends the kernel ends all others in it, containers included: nothing is ever left behind.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import sys

from rig.eventually import eventually
from rig.processes import Process

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_NS_GET_PARENT = 0xB702


class Namespaces:
    def __init__(self, scratch):
        init = os.path.join(os.path.dirname(os.path.abspath(__file__)), "namespace_init.py")
        self._scratch = scratch
        self._holder = Process("namespaces", ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child",
                                              "--mount-proc", sys.executable, "-ISu", init],
                               scratch.file("namespaces.log"))
        self._outside = None
        self._holder.wait_for_log("^ready$", 20)
        self._init = int(_children(self._holder.pid)[0])

    @property
    def init(self):
        """The process id of its first process, as this side sees it."""
        return self._init

    def command(self, argv):
        """The command line that runs `argv` in here."""
        return ["nsenter", f"--target={self._init}", "--net", "--pid", "--mount", "--", *argv]

    def network_command(self, argv):
        """The command line that runs `argv` with the network of here, and otherwise outside."""
        return ["nsenter", f"--target={self._init}", "--net", "--", *argv]

    @contextlib.contextmanager
    def network(self):
        """While it lasts, sockets that this thread opens are in here: the way to ports that containers publish."""
        with open("/proc/thread-self/ns/net", "rb") as ours, open(f"/proc/{self._init}/ns/net", "rb") as theirs:
            _set_network(theirs)
            try:
                yield
            finally:
                _set_network(ours)

    def connect_outside(self):
        """Gives it a way to the outside (package mirrors) that changes nothing on this machine; DNS is at 10.0.2.3."""
        if self._outside is None:
            self._outside = Process("slirp4netns", ["slirp4netns", "--configure", "--disable-host-loopback",
                                                    str(self._init), "tap0"], self._scratch.file("slirp4netns.log"))
            self._outside.wait_for_log("received tapfd", 10)
            eventually(self._has_route, 10, "the way outside has a default route")

    def processes(self, name=None):
        """The process ids, as this side sees them, of what runs in here (or only those of that name).

        Containers' processes count, the first process of this namespace does not.
        """
        space = os.stat(f"/proc/{self._init}/ns/pid").st_ino
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if pid != self._init and name in (None, _name_of(pid)) and space in _process_namespaces(pid)]

    def kill_processes(self, name=None):
        """kill -9 of those processes; returns when they are gone."""

        def gone():
            left = self.processes(name)
            for pid in left:  # among them those that were just being started
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        eventually(gone, 10, f"the killed {name or 'processes'} are gone")

    def close(self):
        """Ends everything in here."""
        if self._outside:
            self._outside.kill()
        if self._holder.running():
            self.kill_processes()
        self._holder.kill()

    def _has_route(self):
        with open(f"/proc/{self._init}/net/route", encoding="utf-8") as routes:
            return any(line.split()[:2] == ["tap0", "00000000"] for line in routes)


def _set_network(namespace):
    if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns to another network namespace")


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as children:
        return children.read().split()


def _process_namespaces(pid):
    """The inodes of a process's own pid namespace and of those around it, as far as this process may see."""
    inodes = []
    try:
        namespace = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        while True:
            inodes.append(os.fstat(namespace).st_ino)
            try:
                around = fcntl.ioctl(namespace, _NS_GET_PARENT)
            finally:
                os.close(namespace)
            namespace = around
    except OSError:  # the outermost one that is to be seen; or the process has ended
        return inodes


def _name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
            return comm.read().strip()
    except OSError:
        return None
