"""k8s/components/hpa: a real HPA follows what alerts ask for. prometheus-adapter is a stand-in that reads /metrics."""

import pytest

from rig import kubernetes_objects as objects, manifests
from rig.eventually import eventually
from rig.metrics_apis import MetricsApis
from rig.notifications import alert, notification

SCALERS = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/agents"


@pytest.fixture
def rendered(scratch):
    return manifests.base_with(scratch, "hpa")


@pytest.fixture
def app(rendered, start_alertscaler):
    return start_alertscaler(rendered.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"])


def count(plane):
    return plane.get(f"{DEPLOYMENT}/scale")["spec"].get("replicas", 0)


def wanted(replicas):
    return notification(alert("agents", "to", "AgentsWanted", annotations={"scale_replicas": str(replicas)}))


def test_the_hpa_follows_what_alerts_ask_for_and_cpu(control_plane, rendered, app, scratch, start):
    plane = control_plane
    apis = start(MetricsApis, plane, scratch, lambda name, labels: app.metric(name, **labels))
    plane.make_namespace("shop")
    plane.apply(objects.deployment("agents", 1, requests={"cpu": "10m", "memory": "10Mi"}), namespace="shop")
    (scaler,) = manifests.as_known_to(plane, rendered.of("HorizontalPodAutoscaler"))
    # The 5 minutes for which it waits before it takes anything away are left out.
    scaler["spec"]["behavior"]["scaleDown"] = {"stabilizationWindowSeconds": 0}
    plane.apply(scaler, *manifests.as_known_to(plane, rendered.of("PodDisruptionBudget")))

    app.post(wanted(9))
    eventually(lambda: app.target("agents")["desired"] == 9, 10, "alertscaler says 9")
    eventually(lambda: count(plane) == 9, 60, "the HPA has set 9")
    eventually(lambda: len(plane.ready_pods("shop")) == 9, 60, "they run")
    assert app.steps("agents") == [("to", 1, 9, "done")]

    apis.load = 120  # of 10 requested by each, 80 % of them planned for: 15 replicas
    eventually(lambda: count(plane) == 15, 60, "the larger of the two counts")
    assert app.target("agents")["desired"] == 9
    apis.load = 0
    eventually(lambda: count(plane) == 9, 60, "and when the CPUs are idle again, what alerts ask for")
