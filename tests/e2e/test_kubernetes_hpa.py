"""Where an HPA or KEDA sets the count: its floor is moved, and what somebody else makes of it is left alone."""

import os
import socket
import threading

import pytest

from rig import api_trouble, crds, eventually, kubernetes_objects as objects
from rig.scaled import Scaled
from rig.settings import settings

HPA = "/apis/autoscaling/v1/namespaces/{}/horizontalpodautoscalers/{}"
SCALED_OBJECT = "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects/{}"
# One step for each alert, so that counts are what a test says; an HPA lets no count go down by itself here.
STEPS = {"repeat": "once", "up": {"step": 2, "cooldown": "0s"}}


def installation(app):
    """What that program's marks are signed with."""
    return f"{socket.gethostname()}:{os.path.realpath(app.storage)}"


class Owned:
    """A Deployment of two, what sets its count, and the program."""

    def __init__(self, plane, namespace, fleet, path, key):
        self.plane = plane
        self.fleet = fleet
        self.path = path.format(namespace, "web")
        self.key = key

    def floor(self):
        return self.plane.get(self.path)["spec"].get(self.key, 0)

    def set_floor(self, count):
        """As somebody else."""
        self.plane.patch(self.path, {"spec": {self.key: count}})

    def notes(self):
        annotations = self.plane.get(self.path)["metadata"].get("annotations", {})
        return {name: value for name, value in annotations.items() if name.startswith("alertscaler.io/")}

    def expect_floor(self, floor, original=None, seconds=60):
        """The floor is there, with a note of what it was before, or none; API and cluster agree."""
        notes = {} if original is None else {"alertscaler.io/original-min": str(original),
                                             "alertscaler.io/set-min": str(floor),
                                             "alertscaler.io/moved-by": f"web@{installation(self.fleet.app)}"}

        def there():
            assert (self.floor(), self.notes()) == (floor, notes), (self.floor(), self.notes())
            seen = self.fleet.app.target("web")
            told = {key: seen["floor"][key] for key in ("current", "original")}
            assert told == {"current": floor, "original": floor if original is None else original}, seen
            assert seen["state"] not in ("scaling", "draining"), seen
            return True

        eventually(there, seconds, f"the floor is {floor}")


@pytest.fixture
def with_hpa(control_plane, namespace, kubernetes_fleet):
    """with_hpa(…): a Deployment of two under an HPA of 2..6."""

    def make(replicas=2, **policy):
        control_plane.apply(objects.autoscaler("web", 2, 6), namespace=namespace)
        fleet = kubernetes_fleet(replicas=replicas, **{**STEPS, **policy})
        fleet.expect(replicas)
        return Owned(control_plane, namespace, fleet, HPA, "minReplicas")

    return make


class Keda(threading.Thread):
    """Plays KEDA's operator for the ScaledObject web: an HPA with its floor; none, and the count, while it is paused."""

    def __init__(self, plane, namespace):
        super().__init__(daemon=True)
        self._plane = plane
        self._namespace = namespace
        self._over = threading.Event()
        self._hpa = HPA.format(namespace, "keda-hpa-web")
        self._scale = f"/apis/apps/v1/namespaces/{namespace}/deployments/web/scale"
        self.failed = None
        self.start()

    def run(self):
        try:
            while not self._over.wait(0.2):
                try:
                    self._work()
                except (AssertionError, OSError):
                    pass  # somebody else changed it meanwhile, or the answer was late: the next round will see
        except Exception as error:  # told by close(): a thread's own end is not seen
            self.failed = error

    def _work(self):
        found = self._plane.call("GET", SCALED_OBJECT.format(self._namespace, "web"))
        if found.status != 200:
            return
        scaled = found.json()
        paused = scaled["metadata"].get("annotations", {}).get("autoscaling.keda.sh/paused-replicas")
        if paused is not None:
            self._plane.delete(self._hpa)
            self._plane.patch(self._scale, {"spec": {"replicas": int(paused)}})
            return
        active = any(each["type"] == "Active" and each["status"] == "True"
                     for each in scaled.get("status", {}).get("conditions", []))
        if "idleReplicaCount" in scaled["spec"] and not active:
            self._plane.patch(self._scale, {"spec": {"replicas": scaled["spec"]["idleReplicaCount"]}})
            return
        floor = max(1, scaled["spec"].get("minReplicaCount", 0))
        if self._plane.get(self._scale)["spec"].get("replicas", 0) == 0 and active:
            self._plane.patch(self._scale, {"spec": {"replicas": floor}})
        maximum = scaled["spec"].get("maxReplicaCount", 100)
        if self._plane.call("GET", self._hpa).status == 200:
            self._plane.patch(self._hpa, {"spec": {"minReplicas": floor, "maxReplicas": maximum}})
            return
        owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "controller": True,
                 "uid": scaled["metadata"]["uid"]}
        hpa = objects.autoscaler("keda-hpa-web", floor, maximum, target="web", owner=owner)
        self._plane.call("POST", self._hpa.rsplit("/", 1)[0], hpa)

    def close(self):
        self._over.set()
        self.join()
        assert self.failed is None, self.failed


@pytest.fixture
def with_keda(control_plane, namespace, kubernetes_fleet, start):
    """with_keda(…): a Deployment of two that a ScaledObject of 2..6 owns."""

    def make(minimum=2, idle=None, **policy):
        crds.install(control_plane, "keda")
        control_plane.post(SCALED_OBJECT.format(namespace, "web").rsplit("/", 1)[0], {
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": {"name": "web"}, "minReplicaCount": minimum, "maxReplicaCount": 6,
                     **({} if idle is None else {"idleReplicaCount": idle}),
                     "triggers": [{"type": "cron", "metadata": {"timezone": "UTC", "start": "0 0 * * *",
                                                                "end": "1 0 * * *", "desiredReplicas": "2"}}]}})
        fleet = kubernetes_fleet(replicas=2, **{**STEPS, **policy})
        start(Keda, control_plane, namespace)
        fleet.expect(2 if idle is None else idle)
        return Owned(control_plane, namespace, fleet, SCALED_OBJECT, "minReplicaCount")

    return make


def test_the_floor_goes_up_with_the_alert_and_back_when_it_ends(with_hpa):
    web = with_hpa()
    web.expect_floor(2)
    web.fleet.fire("up")
    web.expect_floor(4, original=2)
    web.fleet.expect(4)
    web.fleet.resolve("up")
    web.expect_floor(2)
    # The pods are the HPA's: it has no metrics here, and so leaves them.
    web.fleet.expect(4)
    assert web.fleet.steps() == [("up", 2, 4, "done"), ("restore", 4, 2, "done")]


def test_everything_that_an_hpa_of_v2_says_is_kept(control_plane, namespace, with_hpa):
    web = with_hpa()
    beta = HPA.replace("autoscaling/v1", "autoscaling/v2beta2").format(namespace, "web")
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 7, "selectPolicy": "Min",
                              "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
    if control_plane.call("GET", beta).status != 200:
        beta = HPA.replace("autoscaling/v1", "autoscaling/v2").format(namespace, "web")
    control_plane.patch(beta, {"spec": {"behavior": behavior}})
    before = control_plane.get(beta)["spec"]
    web.fleet.fire("up")
    web.expect_floor(4, original=2)
    assert control_plane.get(beta)["spec"] == {**before, "minReplicas": 4}
    web.fleet.resolve("up")
    web.expect_floor(2)
    assert control_plane.get(beta)["spec"] == before


def test_killed_while_the_floor_is_up_it_still_goes_back(with_hpa):
    web = with_hpa()
    web.fleet.fire("up")
    web.fleet.app.kill()
    web.fleet.app.start()
    web.expect_floor(4, original=2)
    web.fleet.app.kill()
    web.fleet.app.start()
    web.fleet.resolve("up")
    web.expect_floor(2)
    web.fleet.app.check_journal()


def test_a_floor_is_never_put_above_the_max_of_the_hpa(with_hpa):
    web = with_hpa()
    web.fleet.ask_for(9)
    web.expect_floor(6, original=2)
    web.fleet.expect(6)
    decision = web.fleet.wait_for_decision("blocked", "not_scalable")
    assert "raise its maxReplicas" in decision["text"]


def test_a_down_alert_leaves_the_count_to_the_hpa(with_hpa):
    web = with_hpa(replicas=4)
    web.fleet.fire("down")
    decision = web.fleet.wait_for_decision("none", "at_min")
    assert "above that the autoscaler decides" in decision["text"]
    web.expect_floor(2)


def test_what_gitops_puts_back_is_not_fought(with_hpa):
    web = with_hpa(repeat="while_firing", up={"step": 1, "cooldown": "30s"})
    web.fleet.fire("up")
    web.expect_floor(3, original=2)
    web.set_floor(2)
    decision = web.fleet.wait_for_decision("blocked", "hpa_owned", seconds=40)
    assert "somebody else has set it to 2" in decision["text"]
    web.fleet.app.kill()
    web.fleet.app.start()
    web.fleet.wait_for_decision("blocked", "hpa_owned")
    assert web.floor() == 2
    web.fleet.resolve("up")
    web.expect_floor(2)  # and our note is gone
    count = web.fleet.spec_replicas()
    web.fleet.fire("up", name="Another")
    web.expect_floor(count + 1, original=2)


def test_what_somebody_else_sets_while_our_write_is_delayed_stays(control_plane, with_hpa, trouble):
    web = with_hpa(kubeconfig=control_plane.kubeconfig(server=trouble.url))
    web.fleet.fire("up")
    web.expect_floor(4, original=2)
    trouble.forget()
    trouble.cause(api_trouble.internal_error(), "PATCH", "/horizontalpodautoscalers/")
    web.fleet.resolve("up")
    eventually(lambda: trouble.requests("PATCH", "/horizontalpodautoscalers/"), 30, "the way back has begun")
    trouble.cause(api_trouble.internal_error())
    web.fleet.wait_unknown("500")
    web.set_floor(5)
    trouble.end()
    web.expect_floor(5)
    assert web.fleet.steps()[1] == ("restore", 4, 2, "interrupted")


def test_refused_it_is_left_alone(with_hpa):
    web = with_hpa(hpa="refuse")
    web.fleet.fire("up")
    decision = web.fleet.wait_for_decision("blocked", "hpa_owned")
    assert "hpa: auto" in decision["text"]
    assert (web.floor(), web.notes(), web.fleet.spec_replicas()) == (2, {}, 2)


def test_ignored_it_is_scaled_all_the_same(with_hpa):
    web = with_hpa(hpa="ignore")
    web.fleet.fire("up")
    web.fleet.expect(4)
    assert (web.floor(), web.notes()) == (2, {})
    assert "hpa: ignore" in web.fleet.app.target("web")["note"]


def test_the_right_to_move_it_is_named_where_it_is_missing(control_plane, namespace, with_hpa):
    rules = [objects.rule("deployments", "get", group="apps"), objects.rule("pods", "list"),
             objects.rule("deployments/scale", "get", "patch", group="apps"),
             objects.rule("horizontalpodautoscalers", "list", group="autoscaling"),
             objects.rule("scaledobjects", "list", group="keda.sh"),
             objects.rule("events", "create", "patch", group="events.k8s.io")]
    control_plane.apply(objects.service_account("scaler"), objects.role("scaler", *rules),
                        objects.role_binding("scaler", "scaler", account="scaler", namespace=namespace),
                        namespace=namespace)
    web = with_hpa(kubeconfig=control_plane.service_account_kubeconfig(namespace, "scaler"))
    web.fleet.fire("up")
    blocked = web.fleet.wait_for_decision("blocked", "not_scalable", seconds=40)
    assert "{apiGroups: [autoscaling], resources: [horizontalpodautoscalers], resourceNames: [web]" in blocked["text"]
    assert (web.floor(), web.notes()) == (2, {})
    rules.append(objects.rule("horizontalpodautoscalers", "get", "patch", group="autoscaling", names=["web"]))
    control_plane.apply(objects.role("scaler", *rules), namespace=namespace)
    web.expect_floor(4, original=2, seconds=80)  # what is missing is asked for twice a minute


def test_two_hpas_are_one_too_many(control_plane, namespace, with_hpa):
    web = with_hpa()
    control_plane.apply(objects.autoscaler("web-too", 1, 3, target="web"), namespace=namespace)
    web.fleet.fire("up")
    decision = web.fleet.wait_for_decision("blocked", "hpa_owned", seconds=40)
    assert "the HorizontalPodAutoscaler web and the HorizontalPodAutoscaler web-too" in decision["text"]
    assert web.floor() == 2
    control_plane.delete(HPA.format(namespace, "web-too"))
    web.expect_floor(4, original=2)


def test_a_drain_switches_the_hpa_off_and_its_end_on_again(with_hpa):
    web = with_hpa()
    web.fleet.fire("drain")
    web.fleet.expect(0)
    web.expect_floor(2)
    web.fleet.resolve("drain")
    web.fleet.expect(2)
    assert web.fleet.steps() == [("drain", 2, 0, "done"), ("restore", 0, 2, "done")]


def test_by_hand_the_count_is_the_floor(with_hpa):
    web = with_hpa()
    answer = web.fleet.app.request("/api/v1/targets/web/replicas", "PUT", {"replicas": 5, "pin": "60s"})
    assert "becomes its floor" in answer.text, answer.text
    web.expect_floor(5, original=2)
    web.fleet.expect(5)
    web.expect_floor(2)


def test_keda_owns_it_and_its_scaled_object_is_moved(control_plane, namespace, with_keda):
    web = with_keda()
    web.fleet.fire("up")
    web.expect_floor(4, original=2)
    web.fleet.expect(4)
    assert control_plane.get(HPA.format(namespace, "keda-hpa-web"))["metadata"].get("annotations", {}).keys() \
        .isdisjoint(web.notes())
    web.fleet.resolve("up")
    web.expect_floor(2)
    assert web.fleet.steps() == [("up", 2, 4, "done"), ("restore", 4, 2, "done")]


def test_keda_is_paused_while_it_is_drained(control_plane, namespace, with_keda):
    web = with_keda()
    web.fleet.fire("drain")
    web.fleet.expect(0)
    annotations = control_plane.get(web.path)["metadata"]["annotations"]
    assert annotations["autoscaling.keda.sh/paused-replicas"] == "0"
    web.fleet.app.kill()
    web.fleet.app.start()
    web.fleet.resolve("drain")
    web.fleet.expect(2)
    web.expect_floor(2)
    assert "autoscaling.keda.sh/paused-replicas" not in control_plane.get(web.path)["metadata"].get("annotations", {})


def test_what_somebody_else_has_paused_is_left_alone(control_plane, with_keda):
    web = with_keda()
    control_plane.patch(web.path, {"metadata": {"annotations": {"autoscaling.keda.sh/paused-replicas": "2"}}})
    web.fleet.fire("up")
    decision = web.fleet.wait_for_decision("blocked", "hpa_owned", seconds=40)
    assert "was paused by somebody else" in decision["text"]
    assert web.floor() == 2


def test_a_floor_that_keda_does_not_hold_while_it_is_idle_is_not_moved(control_plane, with_keda):
    web = with_keda(idle=0)
    web.fleet.fire("up")
    decision = web.fleet.wait_for_decision("blocked", "hpa_owned", seconds=40)
    assert "at its idleReplicaCount, 0" in decision["text"] and "give it a trigger" in decision["text"]
    web.expect_floor(2)
    control_plane.patch(f"{web.path}/status", {"status": {"conditions": [{"type": "Active", "status": "True"}]}})
    web.expect_floor(4, original=2)
    web.fleet.expect(4)
    web.fleet.resolve("up")
    web.expect_floor(2)


def test_what_another_installation_has_moved_is_left_to_it(control_plane, namespace, with_hpa, start_alertscaler):
    web = with_hpa()
    web.fleet.fire("up")
    web.expect_floor(4, original=2)
    target = {"name": "web", "kubernetes": {"namespace": namespace, "kind": "Deployment", "name": "web"}, **STEPS}
    config = settings(target, kubernetes={"kubeconfig": control_plane.kubeconfig()})
    other = Scaled(start_alertscaler(config, name="other"), "web")
    other.fire("up")
    decision = other.wait_for_decision("blocked", "hpa_owned")
    assert f"another alertscaler, {installation(web.fleet.app)} (its target web)" in decision["text"]
    web.expect_floor(4, original=2)
    web.fleet.resolve("up")
    web.expect_floor(2)
