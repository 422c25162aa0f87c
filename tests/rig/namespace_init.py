"""Process 1 of the namespaces that namespaces.py makes: prepares them, says "ready", then only buries the dead.

It runs alone (python3 namespace_init.py), so it uses nothing of the rest.
"""

import fcntl
import os
import signal
import socket
import struct
import subprocess

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def mount(kind, options, where):
    os.makedirs(where, exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, kind, where], check=True)


def mount_cgroups_if_missing():
    """An engine needs them; a machine without an init system may have none. Seen in here only, like every mount."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        if any(line.split()[2] in ("cgroup", "cgroup2") for line in mounts):
            return
    with open("/proc/cgroups", encoding="utf-8") as table:
        rows = [line.split() for line in table if not line.startswith("#")]
    controllers = [name for name, _hierarchy, _groups, enabled in rows if enabled == "1"]
    if "memory" in controllers:
        mount("tmpfs", "mode=755", "/sys/fs/cgroup")
        for controller in controllers:
            mount("cgroup", controller, f"/sys/fs/cgroup/{controller}")
    else:
        mount("cgroup2", "rw", "/sys/fs/cgroup")


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    bring_loopback_up()
    mount_cgroups_if_missing()
    print("ready", flush=True)
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass  # none left for now


if __name__ == "__main__":
    main()
