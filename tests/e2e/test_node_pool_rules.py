"""rules/k3s-nodes.yml in a real Prometheus, through a real Alertmanager: pods that find no room bring nodes, idle ones go."""

import re

import pytest

import rule_files
from rig import budgets, eventually, kubernetes_objects as objects, prometheus
from rig.alertmanager import config as alertmanager_config
from rig.cluster_metrics import ClusterMetrics, scrape_configs
from test_node_pool import Watch

# Only the waits are shortened.
WAITS = [("interval: 15s", "interval: 1s"), ("for: 30s", "for: 2s"), ("for: [235]m", "for: 4s"),
         ("keep_firing_for: 2m", "for: 2s"), (r"\[2m\]", "[6s]"), ("rate2m", "rate2m")]
PREFIX = "k3s-worker-"  # by which the rules know the pool


def shortened():
    text = rule_files.read("k3s-nodes.yml")
    text = re.sub(r"\n *keep_firing_for: 2m", "", text)  # Debian 12's Prometheus has it, Debian 11's not
    for what, by in WAITS:
        text = re.sub(what, by, text)
    return text


@pytest.fixture
def loop(node_fleet, namespace, control_plane, start, start_prometheus, start_alertmanager):
    """The program over the pool, and everything that tells it what to do."""
    # Longer than it takes until a pod that runs is known to run: or each pod that waits brings a node too many.
    fleet = node_fleet(PREFIX, max=3, up={"step": 1, "cooldown": "45s"}, down={"step": 1, "cooldown": "20s"})
    metrics = start(ClusterMetrics, control_plane, namespace)
    sender = start_alertmanager(alertmanager_config(f"{fleet.app.url}/webhook"))
    fleet.prometheus = start_prometheus(
        prometheus.config({"alertscaler": fleet.app.address}, sender.address) + scrape_configs(metrics.address),
        {"k3s-nodes.rules.yml": shortened()}, options=["--rules.alert.resend-delay=1s"])
    return fleet


def ready(plane, namespace):
    return len(plane.ready_pods(namespace))


def causes(fleet, action):
    return {each["cause"]["alertname"] for each in fleet.app.history("workers") if each["action"] == action}


def test_pods_that_find_no_room_bring_nodes_and_idle_takes_them_away(loop, control_plane, namespace):
    fleet, plane = loop, control_plane
    # Two of these do not fit on one node, which has a CPU.
    wide = objects.deployment("wide", 2, **fleet.pod(requests={"cpu": "600m", "memory": "64Mi"}))
    plane.apply(wide, namespace=namespace)
    eventually(lambda: ready(plane, namespace) == 2, 240, "nodes have come, and the pods run")
    assert causes(fleet, "up") == {"PodsPending"}, fleet.steps()
    fleet.expect(2)
    assert fleet.numbers() == [1, 2]

    # A third one is wanted than may be; max is kept.
    plane.kubectl("scale", "--namespace", namespace, "--replicas=4", "deployment/wide")
    eventually(lambda: fleet.numbers() == [1, 2, 3], 120, "the third comes")
    fleet.wait_for_decision("none", "at_max", seconds=60)
    assert len(plane.pods(namespace)) == 4 and fleet.numbers() == [1, 2, 3]

    # Idle: small pods under a budget, on all of them. The emptiest goes each time, and the last one stays.
    plane.kubectl("delete", "--namespace", namespace, "deployment/wide")
    budgets.make(plane, namespace, "web", min_available=2)
    plane.apply(objects.deployment("web", 3, **fleet.pod(requests={"cpu": "20m", "memory": "16Mi"})), namespace=namespace)
    eventually(lambda: len(plane.ready_pods(namespace, "app=web")) == 3, 60, "its pods run")
    budgets.wait_known(plane, namespace, "web")
    with Watch(plane, namespace, "web") as web:
        eventually(lambda: len(fleet.numbers()) == 1, 180, "two of them go")
        fleet.expect(1)
        eventually(lambda: len(plane.ready_pods(namespace, "app=web")) == 3, 60, "its pods run on the one that is left")
        assert web.least >= 2, "the budget was kept"
    assert causes(fleet, "down") == {"PoolIdle"}, fleet.steps()
    assert fleet.check_clean()
    eventually(lambda: fleet.prometheus.query("pool:requested:ratio"), 20, "Prometheus sees the pool")
    eventually(lambda: "PoolIdle" not in fleet.prometheus.firing(), 20, "one alone is never idle")
    fleet.app.check_journal()
