"""The controller of the custom resource Pool (kubernetes_objects.pool_definition), which a cluster does not have."""

import threading

from rig import kubernetes_objects as objects
from rig.eventually import eventually


class PoolController:
    """Keeps as many pods as each Pool of a namespace wants, and says so in its status, until close()."""

    def __init__(self, plane, namespace):
        self._plane = plane
        self._namespace = namespace
        self._path = f"/apis/{objects.GROUP}/v1/namespaces/{namespace}/pools"
        plane.apply(objects.pool_definition())
        eventually(lambda: plane.get(self._path), 30, "pools are served")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._ended.set()
        self._thread.join()

    def _run(self):
        while not self._ended.wait(0.2):
            try:
                for pool in self._plane.get(self._path)["items"]:
                    self._settle(pool["metadata"]["name"], pool["spec"].get("replicas", 0), pool.get("status", {}))
            except (AssertionError, OSError):
                pass  # the API server is away, or somebody else changed it meanwhile: the next round will see

    def _settle(self, name, wanted, told):
        have = sorted(self._plane.pods(self._namespace, f"app={name}"))
        for number in range(wanted):
            if f"{name}-{number}" not in have:
                pod = objects.pod(f"{name}-{number}", labels={"app": name})
                self._plane.call("POST", f"/api/v1/namespaces/{self._namespace}/pods", pod)
        for pod in set(have) - {f"{name}-{number}" for number in range(wanted)}:
            self._plane.delete(f"/api/v1/namespaces/{self._namespace}/pods/{pod}")
        status = {"replicas": len(have), "selector": f"app={name}"}
        if told != status:
            self._plane.patch(f"{self._path}/{name}/status", {"status": status})
