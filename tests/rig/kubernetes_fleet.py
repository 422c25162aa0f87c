"""A workload in a Kubernetes cluster and the program that scales it."""

from rig.scaled import Scaled

PATHS = {"Deployment": "/apis/apps/v1/namespaces/{}/deployments/{}",
         "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets/{}",
         "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets/{}",
         "Pool": "/apis/example.io/v1/namespaces/{}/pools/{}"}


class KubernetesFleet(Scaled):
    """`kind` is one of PATHS; its pods carry the label app with its name, as kubernetes_objects makes them."""

    def __init__(self, plane, namespace, kind, name, app):
        super().__init__(app, name)
        self.plane = plane
        self.namespace = namespace
        self.kind = kind
        self.path = PATHS[kind].format(namespace, name)

    def place(self):
        return f"{self.kind} {self.namespace}/{self.target}"

    def spec_replicas(self):
        """The count that is asked for, as the API server tells it."""
        return self.plane.get(f"{self.path}/scale")["spec"].get("replicas", 0)

    def set_replicas(self, count):
        """As somebody else."""
        self.plane.patch(f"{self.path}/scale", {"spec": {"replicas": count}})

    def pods(self):
        return self.plane.pods(self.namespace, f"app={self.target}")

    def check_replicas(self, count):
        asked = self.spec_replicas()
        assert asked == count, f"{self.place()} asks for {asked}"
        pods = self.pods()
        ready = self.plane.ready_pods(self.namespace, f"app={self.target}")
        assert len(pods) == count and set(ready) == set(pods), (sorted(pods), sorted(ready))

    def scale(self, count, seconds=120):
        super().scale(count, seconds)

    def expect(self, count, seconds=120, desired=None):
        """On a busy machine a pod takes its time."""
        super().expect(count, seconds, desired)

    def events(self):
        """What is told of it in Events, oldest first: (reason, note)."""
        found = self.plane.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        found = [each for each in found if each["regarding"]["name"] == self.target
                 and each["regarding"]["kind"] == self.kind and "alertscaler" in each.get("reportingController", "")]
        found.sort(key=lambda each: each["eventTime"])
        return [(each["reason"], each["note"]) for each in found]
