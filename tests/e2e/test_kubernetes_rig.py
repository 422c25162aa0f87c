"""The Kubernetes of the rig itself: nodes, pods, probes, budgets, users, and an API server that goes and comes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from rig import api_trouble, budgets, eventually, kubernetes_objects as objects
from rig.kubernetes import MERGE_PATCH
from rig.node_containers import BROKEN_IMAGE, DEAD_IMAGE, WHY
from rig.scratch import Scratch

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def scale_path(namespace, plural, name, group="apps/v1"):
    return f"/apis/{group}/namespaces/{namespace}/{plural}/{name}/scale"


def test_pods_of_every_kind_run_on_the_nodes(control_plane, namespace):
    print(control_plane.kubectl("version", "--short"))
    control_plane.apply(objects.deployment("web", 3), objects.stateful_set("db", 2), objects.daemon_set("agent"),
                        objects.pod("bare"), objects.replica_set("rs"), namespace=namespace)
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 9, 30, "all of them are ready")
    pods = control_plane.ready_pods(namespace)
    assert {pod["spec"]["nodeName"] for pod in pods.values()} == {"node-1", "node-2"}
    assert {"db-0", "db-1", "bare"} < set(pods)
    control_plane.kubectl("scale", "--namespace", namespace, "--replicas=1", "deployment/web", "statefulset/db")
    eventually(lambda: len(control_plane.pods(namespace)) == 6, 30, "those that are too many are gone")
    assert control_plane.get(scale_path(namespace, "deployments", "web"))["spec"] == {"replicas": 1}


def test_probes_make_pods_unready_and_let_them_crash(control_plane, namespace, probes):
    probes.ready = False
    control_plane.apply(objects.deployment("web", 2, ready_at=probes.address, alive_at=probes.address),
                        namespace=namespace)

    def statuses():
        return [each for pod in control_plane.pods(namespace).values()
                for each in pod["status"].get("containerStatuses", ())]

    eventually(lambda: len(statuses()) == 2 and all(each["started"] for each in statuses()), 30, "both have started")
    assert control_plane.ready_pods(namespace) == {}
    probes.ready = True
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 2, 30, "both are ready")
    probes.alive = False
    eventually(lambda: any(each["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
                           for each in statuses()), 60, "they crash again and again")


def test_evictions_respect_a_budget(control_plane, namespace):
    # Bare pods, for nobody replaces them: the second one is asked for while the first is gone, however long that takes.
    control_plane.apply(*(objects.pod(name, {"app": "web"}) for name in ("first", "second")), namespace=namespace)
    budgets.make(control_plane, namespace, "web", min_available=1)
    eventually(lambda: budgets.status(control_plane, namespace, "web").get("disruptionsAllowed") == 1, 30, "one may go")
    assert budgets.evict(control_plane, namespace, "first").status == 201
    refused = budgets.evict(control_plane, namespace, "second")
    assert refused.status == 429 and "disruption budget" in refused.text
    control_plane.apply(objects.pod("third", {"app": "web"}), namespace=namespace)
    eventually(lambda: budgets.evict(control_plane, namespace, "second").status == 201, 30,
               "there is another one in its place")


def test_a_custom_resource_has_a_scale_and_pods(control_plane, namespace, pools):
    control_plane.apply(objects.pool("gpu", 2), namespace=namespace)
    path = scale_path(namespace, "pools", "gpu", "example.io/v1")
    for count in (4, 1, 0):
        control_plane.patch(path, {"spec": {"replicas": count}})
        eventually(lambda: control_plane.get(path)["status"]["replicas"] == count, 30, "its controller has seen it")
        eventually(lambda: len(control_plane.ready_pods(namespace, "app=gpu")) == count, 30, "its pods are there")


def test_an_autoscaler_raises_what_is_below_its_floor(control_plane, namespace):
    control_plane.apply(objects.deployment("web"), objects.autoscaler("web", 3), namespace=namespace)
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 3, 30, "the floor is reached")


def test_users_and_accounts_may_what_they_are_given(control_plane, namespace):
    control_plane.apply(
        objects.deployment("web"), objects.service_account("robot"),
        objects.role("scale", objects.rule("deployments/scale", "get", "patch", group="apps", names=["web"])),
        objects.role_binding("user", "scale", user="user"),
        objects.role_binding("robot", "scale", account="robot", namespace=namespace), namespace=namespace)
    path = scale_path(namespace, "deployments", "web")
    token = control_plane.service_account_token(namespace, "robot")
    eventually(lambda: control_plane.get(path, user="user"), 10, "the role is known")
    eventually(lambda: control_plane.get(path, token=token)["spec"] == {"replicas": 1}, 10, "so is his binding")
    assert control_plane.call("GET", path, user="other").status == 403
    assert control_plane.call("GET", path, user=None).status == 403
    assert control_plane.call("GET", path, token="nobody's").status == 401
    config = control_plane.service_account_kubeconfig(namespace, "robot")
    asked = ["auth", "can-i", "patch", "deployments.apps/web", "--subresource=scale"]
    assert control_plane.kubectl(*asked, kubeconfig=config) == "yes\n"
    assert control_plane.kubectl(*asked, user="other", check=False).stdout == "no\n"
    control_plane.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/robot")
    eventually(lambda: control_plane.call("GET", path, token=token).status == 401, 30, "the token is no longer valid")


def test_a_node_joins_and_fails(control_plane, namespace):
    control_plane.add_node("node-3", labels={"pool": "extra"}, taints=["extra=yes:NoSchedule"])
    tolerations = [{"key": "extra", "operator": "Exists"}]
    control_plane.apply(objects.deployment("web", node_selector={"pool": "extra"}, tolerations=tolerations),
                        namespace=namespace)
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 1, 30, "its pod runs there")
    control_plane.stop_node("node-3")
    eventually(lambda: not control_plane.node_ready("node-3"), 60, "the node is not ready without its kubelet")
    control_plane.delete("/api/v1/nodes/node-3")


def test_the_api_server_comes_back_with_what_it_had(control_plane, namespace):
    control_plane.apply(objects.deployment("web", 2), namespace=namespace)
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 2, 30, "both are ready")
    before = set(control_plane.pods(namespace))
    for end in (control_plane.kill_api, control_plane.stop_api):
        end()
        with pytest.raises(OSError):
            control_plane.call("GET", "/readyz")
        control_plane.start_api()
        assert set(control_plane.pods(namespace)) == before
    control_plane.patch(scale_path(namespace, "deployments", "web"), {"spec": {"replicas": 3}})
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 3, 60, "controllers and nodes found it again")


def test_two_run_side_by_side_and_nothing_outlives_a_killed_test(control_plane):
    script = """if True:
        import os, sys, time
        sys.path.insert(0, sys.argv[1])
        from rig import Scratch
        from rig.kubernetes import ControlPlane
        directory = Scratch("killed")
        plane = ControlPlane(directory, nodes=["alone"])
        assert [each["metadata"]["name"] for each in plane.get("/api/v1/nodes")["items"]] == ["alone"]
        print(directory.path, *plane.pids(), flush=True)
        time.sleep(1000)
    """
    victim = subprocess.Popen([sys.executable, "-c", script, TESTS], stdout=subprocess.PIPE, text=True)
    left = Scratch("killed")
    left.close()
    try:
        path, *pids = victim.stdout.readline().split()
        left.path = path  # what the victim can no longer remove
        assert len(pids) == 5  # etcd, apiserver, controller-manager, scheduler, kubelet
        assert control_plane.node_ready("node-1")
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20, "all its processes are gone")
        with open("/proc/mounts", encoding="utf-8") as mounts:
            assert path not in mounts.read()
    finally:
        victim.kill()
        victim.stdout.close()
        left.close()


def test_what_passes_through_trouble_is_the_same(control_plane, namespace, trouble):
    config = control_plane.kubeconfig(server=trouble.url)
    control_plane.kubectl("create", "serviceaccount", "robot", "--namespace", namespace, kubeconfig=config)
    assert control_plane.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/robot")
    assert [each.status for each in trouble.requests("POST", "/serviceaccounts")] == [201]


@pytest.mark.parametrize("fault, status, text", [
    (api_trouble.throttled(), 429, "Too many requests, please try again later."),
    (api_trouble.internal_error(), 500, '"reason": "InternalError"'),
    (api_trouble.unavailable(), 503, "503 Service Unavailable"),
    (api_trouble.timed_out(), 504, '"reason": "Timeout"'),
    (api_trouble.conflict(), 409, '"reason": "Conflict"')], ids=["429", "500", "503", "504", "409"])
def test_trouble_answers_as_it_is_told(control_plane, namespace, trouble, fault, status, text):
    trouble.cause(fault, "PATCH", "/labels", times=1)
    trouble.cause(fault, "PATCH", f"/namespaces/{namespace}$", times=2)
    path = f"/api/v1/namespaces/{namespace}"
    for expected in (status, status, 200):
        answer = control_plane.call("PATCH", path, {"metadata": {"labels": {"seen": "yes"}}}, server=trouble.url,
                                    content_type=MERGE_PATCH)
        assert answer.status == expected
        assert answer.status == 200 or text in answer.text
        assert answer.headers.get("Retry-After") == ("1" if answer.status == 429 else None)
        assert ("seen" in control_plane.get(path)["metadata"].get("labels", {})) == (answer.status == 200)
    assert [each.status for each in trouble.requests("PATCH")] == [status, status, 200]


@pytest.mark.parametrize("fault, done", [(api_trouble.cut(), False), (api_trouble.lost_answer(), True)],
                         ids=["cut", "lost answer"])
def test_trouble_takes_the_answer_away(control_plane, namespace, trouble, fault, done):
    trouble.cause(fault, "POST", times=1)
    account = {"metadata": {"name": "robot"}}
    with pytest.raises(OSError):
        control_plane.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account, server=trouble.url)
    assert (control_plane.call("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/robot").status == 200) == done
    assert [each.status for each in trouble.requests()] == [0]


def test_trouble_stalls_until_it_ends(control_plane, namespace, trouble):
    path = f"/api/v1/namespaces/{namespace}"
    trouble.cause(api_trouble.stalled())
    with pytest.raises(TimeoutError):
        control_plane.call("GET", path, server=trouble.url, seconds=5)
    trouble.end()
    assert control_plane.call("GET", path, server=trouble.url).status == 200


def test_trouble_lets_somebody_else_be_faster(control_plane, namespace, trouble):
    control_plane.apply(objects.deployment("web"), namespace=namespace)
    path = scale_path(namespace, "deployments", "web")
    seen = control_plane.get(path)["metadata"]["resourceVersion"]
    trouble.cause(api_trouble.after(lambda _: control_plane.patch(path, {"spec": {"replicas": 5}})), "PATCH", times=1)
    stale = {"metadata": {"resourceVersion": seen}, "spec": {"replicas": 2}}
    answer = control_plane.call("PATCH", path, stale, server=trouble.url, content_type=MERGE_PATCH)
    assert answer.status == 409
    assert control_plane.get(path)["spec"] == {"replicas": 5}


def test_a_container_is_a_node(node_network, control_plane, namespace):
    """It joins under its host's name, takes pods, and is gone with its container; what cannot join says why."""
    engine = node_network.engine
    started = time.monotonic()
    made = node_network.run("joined-1", command=["agent", "--node-label", "pool=joined"])
    eventually(lambda: node_network.ready_nodes("joined-") == {"joined-1"}, 60, "it is Ready")
    print(f"a container is a node {time.monotonic() - started:.1f} s after it was asked for; "
          f"{control_plane.node('joined-1')['status']['allocatable']}")
    control_plane.apply(objects.pod("bare", node_selector={"pool": "joined"}), namespace=namespace)
    eventually(lambda: control_plane.ready_pods(namespace), 30, "a pod runs there")

    # The API server is away from it, and back.
    node_network.disconnect()
    eventually(lambda: not node_network.ready_nodes("joined-"), 60, "it is not Ready without the API server")
    node_network.connect()
    eventually(lambda: node_network.ready_nodes("joined-"), 60, "it is back")

    engine.call("POST", f"/containers/{made}/stop?t=10")
    assert engine.inspect(made)["State"]["ExitCode"] != 137, "it ends when it is asked to"
    assert node_network.nodes("joined-"), "the object stays"
    control_plane.delete("/api/v1/nodes/joined-1")
    engine.remove(made)
    for image in (BROKEN_IMAGE, DEAD_IMAGE):
        made = node_network.run("joined-2", image)
        eventually(lambda: WHY in engine.logs(made), 20, "it says why")
        engine.remove(made)
    assert not node_network.nodes("joined-") and not node_network.volumes()
