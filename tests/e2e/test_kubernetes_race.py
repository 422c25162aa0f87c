"""A second writer changes the count between our look and our write: nothing of his is lost, and no bound is passed."""

import random
import re
import threading

import pytest

from rig import api_trouble, eventually, kubernetes_objects as objects
from rig.kubernetes_fleet import KubernetesFleet
from rig.notifications import alert, notification, timestamp
from rig.settings import kubernetes_target, settings

SEED = 20261122
ROUNDS = 25  # for each of 8 workloads: 200 times
MIN, MAX = 1, 6
KINDS = {"web-0": "Deployment", "web-1": "Deployment", "web-2": "Deployment", "web-3": "Deployment",
         "web-4": "StatefulSet", "web-5": "StatefulSet", "web-6": "Pool", "web-7": "Pool"}


def our_writes(trouble, name):
    return trouble.requests("PATCH|PUT", f"/{name}/scale")


def race(fleet, trouble, chance, number):
    """One round: an alert asks for one step; before it is written, somebody else writes another count."""
    before = fleet.spec_replicas()
    action = chance.choice(("up", "down"))
    # With nothing to do there is no write to be faster than.
    if (before, action) in ((MAX, "up"), (MIN, "down")):
        action = "down" if action == "up" else "up"
    step = 1 if action == "up" else -1
    other = chance.choice([count for count in range(MIN, MAX + 1) if count not in (before, before + step)])
    wanted = max(MIN, min(MAX, other + step))
    written = len(our_writes(trouble, fleet.target))
    trouble.cause(api_trouble.after(lambda _: fleet.set_replicas(other)), "PATCH|PUT", f"/{fleet.target}/scale", 1)
    one = alert(fleet.target, action, f"{fleet.target}-round-{number}", timestamp())
    fleet.app.post(notification(one))

    def settled():
        assert len(our_writes(trouble, fleet.target)) > written, "nothing was written"
        assert fleet.spec_replicas() == wanted, (before, other, action, fleet.spec_replicas())
        seen = fleet.app.target(fleet.target)
        assert (seen["observed"], seen["ready"]) == (wanted, wanted), seen
        assert seen["decision"]["outcome"] == "none", seen
        return True

    eventually(settled, 90, f"{fleet.target} is at {wanted} after {action}, {before} having been set to {other}")
    fleet.app.post(notification({**one, "status": "resolved", "endsAt": timestamp()}))
    # The write that he was faster than did not happen; the next one, if there was something left to do, did.
    statuses = [each.status for each in our_writes(trouble, fleet.target)[written:]]
    assert statuses[0] in (409, 422), statuses
    assert [status for status in statuses if status == 200] == [200] * (wanted != other), (statuses, other, wanted)


@pytest.fixture
def racers(control_plane, namespace, pools, trouble, start_alertscaler):
    make = {"Deployment": objects.deployment, "StatefulSet": objects.stateful_set, "Pool": objects.pool}
    control_plane.apply(*(make[kind](name, 2) for name, kind in KINDS.items()), namespace=namespace)
    targets = [kubernetes_target(namespace, name, kind, repeat="once", min=MIN, max=MAX)
               for name, kind in KINDS.items()]
    app = start_alertscaler(settings(*targets, kubernetes={
        "kubeconfig": control_plane.kubeconfig(server=trouble.url)}))
    return [KubernetesFleet(control_plane, namespace, kind, name, app) for name, kind in KINDS.items()]


def test_two_hundred_times_somebody_else_is_faster(racers, trouble):
    failures = []

    def run(fleet, seed):
        chance = random.Random(seed)
        try:
            for number in range(ROUNDS):
                race(fleet, trouble, chance, number)
        except BaseException as error:  # pylint: disable=broad-except  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(fleet, SEED + number)) for number, fleet in enumerate(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure
    app = racers[0].app
    app.check_journal()
    for fleet in racers:
        done = [step for step in fleet.steps() if step[3] == "done"]
        assert all(MIN <= step[2] <= MAX and abs(step[1] - step[2]) == 1 for step in done), done
        assert {step[3] for step in fleet.steps()} <= {"done", "interrupted", "failed"}
    refused = [each for each in trouble.requests("PATCH|PUT", "/scale") if each.status in (409, 422)]
    assert len(refused) >= ROUNDS * len(racers)
    # Whoever writes a count says what it was: none of our writes could have been one without a condition.
    for each in trouble.requests("PATCH|PUT", "/scale"):
        assert re.search(rb'"test"|"resourceVersion"', each.body), each


def test_a_writer_who_never_stops_is_never_undone(racers, trouble):
    """He writes as fast as he can while an alert fires; what he wrote last plus one step is what stands in the end."""
    fleet = racers[0]
    chance = random.Random(SEED)
    written, kept = [], []

    def write(request):
        ours = request.json()[-1]["value"]
        kept.append(not written or fleet.spec_replicas() == written[-1])
        written.append(chance.choice([count for count in range(MIN, MAX) if count not in (ours, ours - 1)]))
        fleet.set_replicas(written[-1])

    calm = trouble.cause(api_trouble.after(write), "PATCH|PUT", f"/{fleet.target}/scale")
    fleet.fire("up")
    eventually(lambda: len(written) >= 5, 120, "it has tried again and again")
    calm()
    assert all(kept), (written, kept)
    eventually(lambda: fleet.spec_replicas() == written[-1] + 1, 90, "one step above what he wrote last")
    fleet.expect(written[-1] + 1)
    assert [step[3] for step in fleet.steps()].count("done") == 1
