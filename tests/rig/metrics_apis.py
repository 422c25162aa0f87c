"""The APIs of metrics-server and prometheus-adapter, for a control plane: what an HPA asks.

Kubernetes has them from API servers of others, to which it passes the questions on. Here that is a server in the test.
"""

import json
import os
import ssl
import urllib.parse

from rig import certificates
from rig.eventually import eventually
from rig.notifications import timestamp
from rig.servers import HttpServer

_NAMESPACE = "kube-system"
_RESOURCE, _EXTERNAL = "metrics.k8s.io", "external.metrics.k8s.io"


class MetricsApis(HttpServer):
    """The pods share a load of so many thousandths of a CPU, and use 1 MiB each.

    An external metric has the value that read(its name, labels) gives; None: there is none.
    """

    def __init__(self, plane, scratch, read):
        self.load = 0
        self._plane = plane
        self._read = read
        directory = certificates.make(scratch.directory("metrics-apis"), "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(directory, "server-cert.pem"), os.path.join(directory, "server-key.pem"))
        super().__init__(context)
        port = int(self.address.rsplit(":", 1)[1])
        services = f"/api/v1/namespaces/{_NAMESPACE}/services"
        plane.post(services, {"metadata": {"name": "metrics"}, "spec": {
            "type": "ExternalName", "externalName": "localhost", "ports": [{"port": port, "protocol": "TCP"}]}})
        for group in (_RESOURCE, _EXTERNAL):
            plane.post("/apis/apiregistration.k8s.io/v1/apiservices", {
                "metadata": {"name": f"v1beta1.{group}"}, "spec": {
                    "group": group, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                    "insecureSkipTLSVerify": True,
                    "service": {"name": "metrics", "namespace": _NAMESPACE, "port": port}}})
            eventually(lambda each=group: self._available(each), 60, f"the API server reaches {group}")

    def _available(self, group):
        status = self._plane.get(f"/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.{group}")["status"]
        conditions = status.get("conditions")
        assert conditions and all(each["status"] == "True" for each in conditions), conditions
        return True

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        selector = urllib.parse.parse_qs(url.query).get("labelSelector", [""])[0]
        parts = url.path.strip("/").split("/")  # apis, group, version, namespaces, namespace, resource or metric
        if len(parts) < 6:
            document = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "/".join(parts[1:3]),
                        "resources": []}
        elif parts[1] == _EXTERNAL:
            document = self._external(parts[5], dict(each.split("=") for each in selector.split(",") if each))
        else:
            document = self._pods(parts[4], selector)
        return 200, "application/json", json.dumps(document)

    def _external(self, name, labels):
        value = self._read(name, labels)
        items = [] if value is None else [
            {"metricName": name, "metricLabels": labels, "timestamp": timestamp(), "value": str(int(value))}]
        return {"kind": "ExternalMetricValueList", "apiVersion": f"{_EXTERNAL}/v1beta1", "metadata": {}, "items": items}

    def _pods(self, namespace, selector):
        pods = self._plane.pods(namespace, selector)
        usage = [{"name": "main", "usage": {"cpu": f"{self.load // max(1, len(pods))}m", "memory": "1Mi"}}]
        return {"kind": "PodMetricsList", "apiVersion": f"{_RESOURCE}/v1beta1", "metadata": {}, "items": [
            {"metadata": {"name": name, "namespace": namespace, "labels": pod["metadata"]["labels"]},
             "timestamp": timestamp(), "window": "1s", "containers": usage}
            for name, pod in pods.items()]}
