"""k8s/components/hpa: a real HPA follows what alerts ask for. prometheus-adapter is a stand-in that reads /metrics."""

import pytest
import yaml

from rig import kubernetes_objects as objects, manifests
from rig.eventually import eventually
from rig.metrics_apis import MetricsApis
from rig.notifications import alert, notification, timestamp

SCALERS = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/agents"


@pytest.fixture
def rendered(scratch):
    return manifests.base_with(scratch, "hpa")


@pytest.fixture
def app(rendered, start_alertscaler):
    config = yaml.safe_load(rendered.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"])
    (target,) = config["targets"]
    # One step for each alert, and no 5 minutes before it goes down.
    target["repeat"] = "once"
    target["down"]["cooldown"] = "0s"
    return start_alertscaler(yaml.safe_dump(config))


def count(plane):
    return plane.get(f"{DEPLOYMENT}/scale")["spec"].get("replicas", 0)


def wanted(replicas):
    return alert("agents", "to", "AgentsWanted", annotations={"scale_replicas": str(replicas)})


def test_the_hpa_follows_what_alerts_ask_for_and_cpu(control_plane, rendered, app, scratch, start):
    plane = control_plane
    apis = start(MetricsApis, plane, scratch, lambda name, labels: app.metric(name, **labels))
    plane.make_namespace("shop")
    plane.apply(objects.deployment("agents", 1, requests={"cpu": "10m", "memory": "10Mi"}), namespace="shop")
    (scaler,) = manifests.as_known_to(plane, rendered.of("HorizontalPodAutoscaler"))
    # The 5 minutes for which it waits before it takes anything away are left out.
    scaler["spec"]["behavior"]["scaleDown"] = {"stabilizationWindowSeconds": 0}
    plane.apply(scaler, *manifests.as_known_to(plane, rendered.of("PodDisruptionBudget")))

    app.post(notification(wanted(10)))
    eventually(lambda: app.target("agents")["desired"] == 10, 10, "alertscaler says 10")
    eventually(lambda: count(plane) == 10, 60, "the HPA has set 10")
    eventually(lambda: len(plane.ready_pods("shop")) == 10, 60, "they run")
    assert app.steps("agents") == [("to", 1, 10, "done")]

    apis.load = 120  # of 10 requested by each, 80 % of them planned for: 15 replicas
    eventually(lambda: count(plane) == 15, 60, "the larger of the two counts")
    assert app.target("agents")["desired"] == 10
    apis.load = 0
    eventually(lambda: count(plane) == 10, 60, "and when the CPUs are idle again, what alerts ask for")

    app.post(notification({**wanted(10), "status": "resolved", "endsAt": timestamp()}, alert("agents", "down")))
    eventually(lambda: app.steps("agents")[1:] == [("down", 10, 8, "done")], 10, "alertscaler takes one step down")
    eventually(lambda: count(plane) == 8, 60, "which is more than the HPA tolerates")
