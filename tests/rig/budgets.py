"""Disruption budgets and evictions, in a version that the API server has: 1.20 has no policy/v1, 1.25 nothing else."""

from rig import kubernetes_objects as objects
from rig.eventually import eventually


def version(plane):
    return "policy/v1" if plane.call("GET", "/apis/policy/v1").status == 200 else "policy/v1beta1"


def make(plane, namespace, app, **limit):
    """One for the pods of an app, of the same name; there may be no pods yet."""
    plane.apply({**objects.disruption_budget(app, app, **limit), "apiVersion": version(plane)}, namespace=namespace)


def status(plane, namespace, app):
    path = f"/apis/{version(plane)}/namespaces/{namespace}/poddisruptionbudgets/{app}"
    return plane.get(path)["status"]


def wait_known(plane, namespace, app):
    """Until its controller has taken notice of it, and all of its pods are ready."""

    def known():
        seen = status(plane, namespace, app)
        return seen.get("expectedPods", 0) > 0 and seen.get("currentHealthy") == seen["expectedPods"]

    eventually(known, 30, f"the disruption budget of {app} is known")


def make_known(plane, namespace, app, **limit):
    make(plane, namespace, app, **limit)
    wait_known(plane, namespace, app)


def evict(plane, namespace, pod, query=""):
    """Asks for its eviction; the Answer."""
    return plane.call("POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction{query}", {
        "apiVersion": version(plane), "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}})
