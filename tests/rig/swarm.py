"""A Swarm on one or two engines of the rig, its services, and the program that scales one of them."""

import contextlib
import copy

from rig import images
from rig.engine_api import ApiError
from rig.eventually import eventually
from rig.processes import run
from rig.scaled import Scaled

# Ends at once on SIGTERM, as web_app's does.
_RUN = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 0.2 & wait $!; done"]
_NETWORK = "10.77.0"


class Swarm:
    """The engine becomes the first manager; it has the image `busybox:test`."""

    def __init__(self, engine):
        self.engine = engine
        self._engines = [engine]
        images.import_busybox(engine)
        self._link(engine, 0)
        engine.call("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": _address(0)})

    def join(self, engine):
        """Another engine becomes a worker; the two share a network between their namespaces."""
        number = len(self._engines)
        self._engines.append(engine)
        images.import_busybox(engine)
        self._link(engine, number)
        worker = self.engine.call("GET", "/swarm")["JoinTokens"]["Worker"]
        engine.call("POST", "/swarm/join", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": _address(number),
                                            "RemoteAddrs": [f"{_address(0)}:2377"], "JoinToken": worker})
        eventually(lambda: sum(node["Status"]["State"] == "ready" for node in self.nodes()) == number + 1, 30,
                   "the new node is ready")

    def nodes(self):
        return self.engine.call("GET", "/nodes")

    def service(self, name, replicas=2, **spec):
        """Makes a service; `spec` is more of its specification, merged into it."""
        made = {"Name": name, "TaskTemplate": {"ContainerSpec": {"Image": images.BUSYBOX, "Command": _RUN}},
                "Mode": {"Replicated": {"Replicas": replicas}}}
        _merge(made, spec)
        self.engine.call("POST", "/services/create", made)
        return Service(self, name)

    def _link(self, engine, number):
        """A pair of network devices from this engine's namespace to the first one's; the first has the bridge."""
        inside, first = engine.namespaces.network_command, self.engine.namespaces.network_command
        if number == 0:
            run(inside(["ip", "link", "add", "swarm0", "type", "bridge"]))
            device = "swarm0"
        else:
            run(first(["ip", "link", "add", f"node{number}", "master", "swarm0", "type", "veth", "peer", "name",
                       "swarm1", "netns", str(engine.namespaces.init)]))
            run(first(["ip", "link", "set", f"node{number}", "up"]))
            device = "swarm1"
        run(inside(["ip", "address", "add", f"{_address(number)}/24", "dev", device]))
        run(inside(["ip", "link", "set", device, "up"]))


class Service:
    """One service, as people and other programs look at it and change it."""

    def __init__(self, swarm, name):
        self.swarm = swarm
        self.name = name

    def look(self):
        return self.swarm.engine.call("GET", f"/services/{self.name}")

    def spec(self):
        return self.look()["Spec"]

    def count(self):
        return self.spec()["Mode"]["Replicated"]["Replicas"]

    def update(self, change, tries=1000):
        """Changes the specification as everybody does: read, change, write, and again when somebody was quicker.

        `change` gets the specification; returns it as it was before.
        """
        for _ in range(tries):
            seen = self.look()
            before = copy.deepcopy(seen["Spec"])
            change(seen["Spec"])
            try:
                self.swarm.engine.call("POST", f"/services/{seen['ID']}/update", seen["Spec"],
                                       {"version": str(seen["Version"]["Index"])})
                return before
            except ApiError as error:
                if "out of sequence" not in str(error):
                    raise
        raise AssertionError(f"{self.name}: out of sequence {tries} times")

    def set_count(self, count):
        """The count that it had before."""

        def change(spec):
            spec["Mode"]["Replicated"]["Replicas"] = count

        return self.update(change)["Mode"]["Replicated"]["Replicas"]

    def tasks(self):
        return self.swarm.engine.call("GET", "/tasks", query={"filters": {"service": [self.name]}})

    def running(self):
        """The ids of the tasks that run and are meant to."""
        return {task["ID"] for task in self.tasks()
                if task["DesiredState"] == "running" and task["Status"]["State"] == "running"}

    def leaving(self):
        """How many still run and are not meant to."""
        return sum(task["DesiredState"] in ("shutdown", "remove") and
                   task["Status"]["State"] in ("running", "starting", "preparing") for task in self.tasks())

    def wait_running(self, count, seconds=60):
        eventually(lambda: len(self.running()) == count and self.leaving() == 0, seconds,
                   f"{self.name} runs {count} tasks")

    def remove(self):
        with contextlib.suppress(ApiError, OSError):  # its engine may have ended
            self.swarm.engine.call("DELETE", f"/services/{self.name}")


class ScaledService(Scaled):
    def __init__(self, service, app, target):
        super().__init__(app, target)
        self.service = service

    def place(self):
        return self.service.name

    def check_replicas(self, count):
        assert self.service.count() == count, self.service.count()
        assert len(self.service.running()) == count and self.service.leaving() == 0, self.service.tasks()


def _address(number):
    return f"{_NETWORK}.{number + 1}"


def _merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
