"""Nodes of a control plane that alerts drain, and the program that drains them."""

from rig import budgets
from rig.eventually import eventually
from rig.notifications import alert, notification, timestamp
from rig.settings import settings

TARGET = "node"
MARK = "alertscaler.io/cordoned-by"


def node_target(pool, **policy):
    """The nodes that carry the label pool with that value."""
    return {"name": TARGET, "kubernetes_node": {"selector": f"pool={pool}"}, **policy}


class NodePool:
    """Nodes of this name's label, in a control plane that others use too; `pod` gives the options of pods for them."""

    def __init__(self, plane, name, count):
        self.plane = plane
        self.name = name
        self.nodes = [f"{name}-{number}" for number in range(1, count + 1)]
        for node in self.nodes:
            plane.add_node(node, labels={"pool": name}, taints=[f"pool={name}:NoSchedule"], ready=False)
        plane.wait_nodes_ready(*self.nodes)

    def pod(self, **options):
        tolerations = [{"key": "pool", "operator": "Exists"}]
        return {"node_selector": {"pool": self.name}, "tolerations": tolerations, **options}

    def close(self):
        for node in self.nodes:
            self.plane.remove_node(node)

    def cordoned(self, node):
        return self.plane.node(node)["spec"].get("unschedulable", False)

    def marked(self, node):
        return MARK in self.plane.node(node)["metadata"].get("annotations", {})

    def set_cordoned(self, node, cordoned=True):
        """As somebody else."""
        self.plane.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": cordoned or None}})

    def restore(self):
        """All of them take pods, and nothing of us is left on them."""
        for node in self.nodes:
            self.plane.patch(f"/api/v1/nodes/{node}", {"metadata": {"annotations": {MARK: None}},
                                                       "spec": {"unschedulable": None}})

    def wait_empty(self, but):
        """Until nothing runs there any more, but what is of that namespace."""

        def empty():
            pods = self.plane.get("/api/v1/pods")["items"]
            left = [pod["metadata"]["name"] for pod in pods
                    if pod["spec"].get("nodeName") in self.nodes and pod["metadata"]["namespace"] != but]
            assert not left, left
            return True

        eventually(empty, 60, "the pods of earlier tests are gone")

    def apps_on(self, namespace, node, count_all=False):
        """The pods there that are ready (or all that are not being deleted), as a sorted list of their label app."""
        pods = self.plane.pods(namespace) if count_all else self.plane.ready_pods(namespace)
        return sorted(pod["metadata"]["labels"]["app"] for pod in pods.values() if pod["spec"].get("nodeName") == node)

    def budget(self, namespace, app, **limit):
        """A disruption budget that its controller has taken notice of."""
        budgets.make_known(self.plane, namespace, app, **limit)


class NodeDrains:
    """The program that drains the nodes of a pool."""

    def __init__(self, pool, app):
        self.pool = pool
        self.app = app

    @staticmethod
    def config(pool, kubeconfig=None, **policy):
        drain = {"timeout": "2m", **policy.pop("drain", {})}
        return settings(node_target(pool.name, drain=drain, **policy),
                        kubernetes={"kubeconfig": kubeconfig or pool.plane.kubeconfig()})

    def alert(self, node, ends=False, **labels):
        return alert(TARGET, "drain", name="NodeBroken", ends_at=timestamp() if ends else None, node=node, **labels)

    def fire(self, *nodes, query=""):
        """An alert for each; what became of them."""
        return self.app.post(notification(*(self.alert(node) for node in nodes)), query)

    def resolve(self, *nodes):
        return self.app.post(notification(*(self.alert(node, ends=True) for node in nodes)))

    def target(self):
        return self.app.target(TARGET)

    def node(self, name):
        """As the API tells of it; None when there is nothing to tell."""
        return next((each for each in self.target()["nodes"] if each["name"] == name), None)

    def state(self, name):
        """None when it just takes pods."""
        seen = self.node(name)
        return seen["state"] if seen else None

    def text(self, name):
        seen = self.node(name)
        return seen["text"] if seen else ""

    def steps(self, *nodes):
        """The history of these nodes (or all) in short, oldest first: (action, node, outcome)."""
        entries = [each for each in self.app.history(TARGET) if not nodes or each["node"] in nodes]
        return [(each["action"], each["node"], each["outcome"]) for each in entries]

    def wait_state(self, node, state, seconds=60):
        """The node as the API tells of it, once it is in that state; state=None: it just takes pods again."""

        def reached():
            assert self.target()["observed"] is not None
            seen = self.node(node)
            assert (seen["state"] if seen else None) == state, seen
            return seen or True

        return eventually(reached, seconds, f"node {node} is {state or 'at work'}")

    def wait_text(self, node, *words):
        """Until what is told of the node has these words: it follows its state a moment later."""

        def told():
            text = self.text(node)
            assert all(word in text for word in words), text
            return True

        eventually(told, 20, f"{words} is told of node {node}")

    def wait_steps(self, *steps, seconds=60):
        def taken():
            assert self.steps() == list(steps)
            return True

        eventually(taken, seconds, f"the history is {steps}")
