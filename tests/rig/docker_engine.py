"""A real Docker Engine in namespaces of its own: several run at once on one machine and leave nothing behind."""

import glob
import os
import shutil

from rig import debian
from rig.engine_api import EngineApi
from rig.eventually import eventually
from rig.namespaces import Namespaces
from rig.processes import Process, run

_CGROUP = "alertscaler-test-"
_started = 0


class DockerEngine(EngineApi):
    """`release` is a Debian suite whose engine is taken instead of the machine's; without it $ALERTSCALER_ENGINE is.

    With outside=True containers and builds reach the package mirrors that this machine reaches; otherwise nothing.
    With the certificates of a directory (certificates.py) it also speaks TLS, at 127.0.0.1:2376 inside.
    """

    def __init__(self, scratch, release=None, outside=False, certificates=None):
        global _started  # pylint: disable=global-statement
        _started += 1
        super().__init__(scratch.file("docker.sock"))
        self._scratch = scratch
        self._outside = outside
        self._certificates = certificates
        release = release or os.environ.get("ALERTSCALER_ENGINE")
        self._programs = programs(release) if release else None
        self._cgroup = f"{_CGROUP}{os.getpid()}-{_started}"
        self._process = None
        self.namespaces = Namespaces(scratch)
        try:
            if outside:
                self.namespaces.connect_outside()
            self._path = self._search_path()
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        """Starts the daemon on what is there from before; returns when it answers."""
        pid_file = self._scratch.file("dockerd.pid")
        if os.path.exists(pid_file):  # of one that was killed: its number can mean another process by now
            os.remove(pid_file)
        argv = ["dockerd", "--config-file", self._scratch.file("daemon.json", text="{}"), "--pidfile", pid_file,
                "--data-root", self._scratch.directory("data"), "--exec-root", self._scratch.directory("exec"),
                "--host", f"unix://{self.socket_path}", "--cgroup-parent", f"/{self._cgroup}",
                "--exec-opt", "native.cgroupdriver=cgroupfs", "--shutdown-timeout", "10"]
        if self._certificates:
            argv += ["--host", "tcp://127.0.0.1:2376", "--tlsverify"]
            for option, name in (("tlscacert", "ca"), ("tlscert", "server-cert"), ("tlskey", "server-key")):
                argv.append(f"--{option}={self._certificates}/{name}.pem")
        if self._outside:
            argv += ["--dns", "10.0.2.3"]
        self._process = Process("dockerd", self.namespaces.command(["env", f"PATH={self._path}", *argv]),
                                self._scratch.file("dockerd.log"))
        eventually(self._answers, 120, f"the Docker Engine answers (its log: {self._process.log_path})")

    def stop(self):
        """Stops it in order: its containers are stopped too."""
        for pid in self.namespaces.processes("dockerd"):
            os.kill(pid, 15)
        self._process.wait(60)

    def kill(self):
        """kill -9 of dockerd and containerd, as a crash does: the containers' processes stay."""
        self.namespaces.kill_processes("dockerd")
        self.namespaces.kill_processes("containerd")
        self._process.kill()

    def lose_power(self):
        """kill -9 of everything, the containers' processes too, as when the machine fails."""
        self.namespaces.kill_processes()
        self._process.kill()

    def restart(self):
        """A killed or stopped engine comes back with the containers and images that it had."""
        if self._process.running():
            self.stop()
        self.start()

    def close(self):
        """Ends everything at once; the scratch directory can go afterwards."""
        self.namespaces.close()
        if self._process:
            self._process.kill()
        self._remove_cgroups()

    def environment(self):
        """For the command line tools."""
        return {"DOCKER_HOST": f"unix://{self.socket_path}", "DOCKER_CONFIG": self._scratch.directory("docker-config"),
                "DOCKER_BUILDKIT": "0"}

    def cli(self, *arguments, seconds=120, **options):
        """Runs the docker command line tool against this engine."""
        tool = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
        return run([tool, *arguments], seconds, env=self.environment(), **options)

    def facts(self):
        """What to print of it in a report: version, API, storage driver, cgroup version."""
        info, version = self.call("GET", "/info"), self.call("GET", "/version")
        return {"version": version["Version"], "api": version["ApiVersion"], "storage": info["Driver"],
                "cgroups": info["CgroupVersion"], "network": "outside" if self._outside else "isolated"}

    def _answers(self):
        if not self._process.running():
            raise RuntimeError(f"dockerd ended at its start:\n{self._process.tail()}")
        return self.call("GET", "/_ping", seconds=5) == "OK"

    def _search_path(self):
        """PATH with the engine that was chosen first and, where the kernel has no nftables, the older iptables."""
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        if self._programs:
            path = f"{self._programs}:{path}"
        if run(self.namespaces.command(["iptables", "--table", "nat", "--list-rules"]), check=False).returncode == 0:
            return path
        older = self._scratch.directory("iptables")
        for name in ("iptables", "ip6tables", "iptables-save", "iptables-restore"):
            os.symlink(shutil.which("xtables-legacy-multi", path=path), os.path.join(older, name))
        return f"{older}:{path}"

    def _remove_cgroups(self):
        """Removes the engine's control groups, and those of runs that were killed."""
        for hierarchy in ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*/")]:
            for group in glob.glob(os.path.join(hierarchy, _CGROUP + "*")):
                owner = os.path.basename(group)[len(_CGROUP):].split("-")[0]
                if os.path.basename(group) == self._cgroup or not os.path.exists(f"/proc/{owner}"):
                    _remove_cgroup(group)


def programs(release):
    """The cached directory with the engine of a Debian suite. It runs the containers with the machine's runc."""
    return debian.programs(release, ["docker.io", "containerd"],
                           ["dockerd", "docker-proxy", "containerd", "containerd-shim-runc-v2"])


def unavailable(release):
    """Why there is no engine, or no Compose, of that Debian suite that runs here, as one line; None if there is."""
    try:
        run([os.path.join(programs(release), "dockerd"), "--version"])
        compose = debian.programs(release, ["docker-compose"], ["docker-compose"])
        run([os.path.join(compose, "docker-compose"), "version"])
    except (RuntimeError, StopIteration) as error:
        return f"no Docker Engine of {release} runs here: {' '.join(str(error).split())}"
    return None


def _remove_cgroup(group):
    def gone():
        for folder, _folders, _files in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                pass  # another run removes it as well
        return not os.path.exists(group)

    eventually(gone, 10, f"the control group {group} is empty")  # busy (OSError) while a process in it ends
