"""What kube-state-metrics and the kubelets would tell of a control plane's nodes and pods, for Prometheus to scrape.

Neither runs here: no image of the one is to be had, and the kubelets of the tests run no containers that could use
anything. So pods use what they ask for, as long as they run; the rest is as the API server has it.
"""

import json
import threading
import time

from rig.servers import HttpServer

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "m": 1e-3}


class ClusterMetrics(HttpServer):
    """/metrics as kube-state-metrics has it, /nodes/NAME/metrics/resource as a kubelet, /nodes as Prometheus' http_sd.

    Only pods of `namespace` are told of.
    """

    def __init__(self, plane, namespace):
        self._plane = plane
        self._namespace = namespace
        self._lock = threading.Lock()
        self._used = {}  # by node: (CPU seconds so far, the time of that)
        super().__init__()

    def answer(self, request):
        try:
            if request.path == "/nodes":
                return 200, "application/json", json.dumps(self._targets())
            if request.path == "/metrics":
                return 200, "text/plain; version=0.0.4", _text(self._state())
            node = request.path.split("/")[2]
            return 200, "text/plain; version=0.0.4", _text(self._of_kubelet(node))
        except (OSError, AssertionError, StopIteration) as error:  # the API server is away; or the node is
            return 503, "text/plain", f"{type(error).__name__}: {error}"

    def _nodes(self):
        return self._plane.get("/api/v1/nodes")["items"]

    def _pods(self):
        return self._plane.get(f"/api/v1/namespaces/{self._namespace}/pods")["items"]

    def _targets(self):
        return [{"targets": [self.address], "labels": {
            "node": name, "__metrics_path__": f"/nodes/{name}/metrics/resource"}}
                for name in (node["metadata"]["name"] for node in self._nodes())]

    def _state(self):
        for node in self._nodes():
            name = node["metadata"]["name"]
            for resource, unit in (("cpu", "core"), ("memory", "byte")):
                labels = {"node": name, "resource": resource, "unit": unit}
                yield "kube_node_status_allocatable", labels, _number(node["status"]["allocatable"][resource])
            for condition in node["status"].get("conditions", ()):
                for status in ("true", "false", "unknown"):
                    labels = {"node": name, "condition": condition["type"], "status": status}
                    yield "kube_node_status_condition", labels, condition["status"].lower() == status
        for pod in self._pods():
            labels = {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"],
                      "uid": pod["metadata"]["uid"]}
            for phase in _PHASES:
                yield "kube_pod_status_phase", {**labels, "phase": phase}, pod["status"]["phase"] == phase
            if any(each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable"
                   for each in pod["status"].get("conditions", ())):
                yield "kube_pod_status_unschedulable", labels, 1
            for container in pod["spec"]["containers"]:
                for resource, value in container["resources"].get("requests", {}).items():
                    more = {"container": container["name"], "node": pod["spec"].get("nodeName", ""),
                            "resource": resource, "unit": "core" if resource == "cpu" else "byte"}
                    yield "kube_pod_container_resource_requests", {**labels, **more}, _number(value)

    def _of_kubelet(self, name):
        node = next(each for each in self._nodes() if each["metadata"]["name"] == name)
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])
        assert ready, f"the kubelet of {name} does not answer"
        asked = {"cpu": 0.0, "memory": 0.0}
        for pod in self._pods():
            if pod["spec"].get("nodeName") == name and pod["status"]["phase"] == "Running":
                for container in pod["spec"]["containers"]:
                    for resource, value in container["resources"].get("requests", {}).items():
                        asked[resource] += _number(value)
        with self._lock:
            now = time.monotonic()
            before, since = self._used.get(name, (0.0, now))
            self._used[name] = (before + asked["cpu"] * (now - since), now)
            yield "node_cpu_usage_seconds_total", {}, self._used[name][0]
        yield "node_memory_working_set_bytes", {}, asked["memory"]


def scrape_configs(address):
    """Of prometheus.yml, as compose/k3s/prometheus.yml has them. Debian's Prometheus cannot ask Kubernetes for nodes."""
    return (f"- {{job_name: kube-state-metrics, honor_labels: true, static_configs: [{{targets: ['{address}']}}]}}\n"
            "- {job_name: kubelet, metrics_path: /metrics/resource,\n"
            f"   http_sd_configs: [{{url: 'http://{address}/nodes', refresh_interval: 1s}}]}}\n")


def _number(quantity):
    unit = next((each for each in _UNITS if quantity.endswith(each)), "")
    return float(quantity[:len(quantity) - len(unit)]) * _UNITS.get(unit, 1)


def _text(samples):
    def line(name, labels, value):
        pairs = ",".join(f'{key}="{each}"' for key, each in labels.items())
        return f"{name}{{{pairs}}} {float(value)}\n"

    return "".join(line(*each) for each in samples)
