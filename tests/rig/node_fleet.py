"""A pool of containers that are nodes of a control plane, and the program that scales it."""

from rig.eventually import eventually
from rig.node_pool import MARK
from rig.notifications import alert, notification, timestamp
from rig.scaled import Scaled
from rig.settings import engine_at, settings

TARGET = "workers"
_QUICK = {"min": 0, "max": 4, "up": {"cooldown": "0s"}, "down": {"cooldown": "0s"}, "timeout": "3m"}


def pool_target(reference, **policy):
    drain = {"timeout": "3m", **policy.pop("drain", {})}
    return {"name": TARGET, "docker_nodes": reference, **_QUICK, "drain": drain, **policy}


class NodeFleet(Scaled):
    """Nodes with names that begin with `prefix`, which nothing else in the control plane does."""

    def __init__(self, network, prefix, app=None):
        super().__init__(app, TARGET)
        self.network = network
        self.plane = network.plane
        self.engine = network.engine
        self.prefix = prefix
        self.label = prefix.rstrip("-")  # of the nodes: pool, with this value

    def place(self):
        return f"the pool {self.prefix}*"

    def config(self, reference=(), docker=None, kubeconfig=None, **policy):
        """The configuration; `reference` is more of the key docker_nodes."""
        more = {"command": ["agent", "--node-label", f"pool={self.label}"], **dict(reference)}
        return settings(pool_target(self.network.reference(self.prefix, **more), **policy),
                        docker=docker or engine_at(self.engine.socket_path),
                        kubernetes={"kubeconfig": kubeconfig or self.plane.kubeconfig()})

    def reload(self, **options):
        self.app.configure(self.config(**options))
        assert self.app.request("/-/reload", "POST").status == 200

    def name(self, number):
        return f"{self.prefix}{number}"

    def pod(self, **options):
        """The options of pods that run nowhere else."""
        return {"node_selector": {"pool": self.label}, **options}

    def containers(self):
        return self.network.containers(self.prefix)

    def nodes(self):
        return self.network.nodes(self.prefix)

    def numbers(self):
        """Those in the names of the containers, in order."""
        return sorted(int(name[len(self.prefix):]) for name in self.containers())

    def check_replicas(self, count):
        containers = self.containers()
        assert len(containers) == count and set(containers.values()) <= {"running"}, containers
        assert self.network.ready_nodes(self.prefix) == set(self.nodes()) == set(containers), set(self.nodes())

    def check_clean(self):
        """Nothing is left of what went: no node without a container, no volume of nobody, and no node out of work."""
        assert set(self.nodes()) == set(self.containers())
        for name, node in self.nodes().items():
            marks = [each for each in node["metadata"].get("annotations", {}) if each.startswith("alertscaler.io/")]
            assert not node["spec"].get("unschedulable"), f"{name} is still cordoned"
            assert set(marks) <= {"alertscaler.io/pool"}, f"{name} has still {marks}"
        assert self.network.volumes() == self.volumes_in_use(), "volumes that no container uses"
        return True

    def volumes_in_use(self):
        """Of every container of the engine."""
        found = self.engine.call("GET", "/containers/json", query={"all": True})
        return {mount["Name"] for each in found for mount in each["Mounts"] if mount["Type"] == "volume"}

    def scale(self, count, seconds=200):
        super().scale(count, seconds)

    def expect(self, count, seconds=200, desired=None):
        """A node is a kubelet that starts: on a busy machine that takes its time."""
        super().expect(count, seconds, desired)

    def by_hand(self, count):
        answer = self.app.request(f"/api/v1/targets/{TARGET}/replicas", "PUT", {"replicas": count})
        assert answer.status == 200, answer.text

    # One node by its name

    def drain(self, number, ends=False):
        end = timestamp() if ends else None
        (result,) = self.app.post(notification(
            alert(TARGET, "drain", name="NodeBroken", ends_at=end, node=self.name(number))))
        return result

    def node_view(self, number):
        """As the API tells of it; None when there is nothing to tell."""
        return next((each for each in self.app.target(TARGET)["nodes"] if each["name"] == self.name(number)), None)

    def wait_node(self, number, state, seconds=60):
        def reached():
            seen = self.node_view(number)
            assert (seen["state"] if seen else None) == state, seen
            return seen or True

        return eventually(reached, seconds, f"node {self.name(number)} is {state or 'at work'}")

    def cordoned(self, number):
        return self.plane.node(self.name(number))["spec"].get("unschedulable", False)

    def marked(self, number):
        return MARK in self.plane.node(self.name(number))["metadata"].get("annotations", {})

    def set_cordoned(self, number, cordoned=True):
        """As somebody else."""
        self.plane.patch(f"/api/v1/nodes/{self.name(number)}", {"spec": {"unschedulable": cordoned or None}})

    # Pods

    def pods_on(self, namespace, number):
        """The names of those that are ready there."""
        return {name for name, pod in self.plane.ready_pods(namespace).items()
                if pod["spec"].get("nodeName") == self.name(number)}

    def place_pods(self, namespace, number, *workloads, ready):
        """Makes these, all on that node."""
        others = [each for each in self.numbers() if each != number]
        for each in others:
            self.set_cordoned(each)
        self.plane.apply(*workloads, namespace=namespace)
        eventually(lambda: len(self.pods_on(namespace, number)) >= ready, 60, f"{ready} pods run on node {number}")
        for each in others:
            self.set_cordoned(each, False)

    def close(self):
        """Removes what is left of it; the program has ended."""
        for name in self.containers():
            self.engine.remove(name)
        for name in self.nodes():
            self.plane.delete(f"/api/v1/nodes/{name}")
