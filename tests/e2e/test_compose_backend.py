"""How replicas of a Compose service come and go: which start, which go, and what becomes of the sick."""

import os
import re

import pytest

from rig import eventually
from rig.notifications import alert, notification


def status_of(fleet, number):
    return next(replica.status for replica in fleet.replicas() if replica.number == number)


def stop(shop, replica):
    """Newer engines answer a little before their list of containers says so."""
    shop.engine.call("POST", f"/containers/{replica.id}/stop")
    wait_stopped(shop, replica.number)


def wait_stopped(shop, *numbers):
    eventually(lambda: {each.number for each in shop.replicas() if each.state == "exited"} == set(numbers), 20,
               f"replicas {numbers} are stopped")


def volumes(engine):
    return {volume["Name"] for volume in engine.call("GET", "/volumes")["Volumes"] or []}


def test_stopped_replicas_are_started_before_new_ones_are_made(fleet):
    shop = fleet(replicas=3)
    shop.expect(3)
    stopped = shop.replicas()[1]
    stop(shop, stopped)
    shop.ask_for(4)
    shop.expect(4)
    assert shop.numbers() == [1, 2, 3, 4]
    assert shop.replicas()[1].id == stopped.id
    made = shop.engine.inspect(shop.replicas()[3].id)
    assert shop.engine.inspect(stopped.id)["State"]["StartedAt"] < made["Created"]


def test_a_service_that_somebody_stopped_is_left_alone(fleet, compose_v2):
    shop = fleet(replicas=2, repeat="once")
    shop.expect(2)
    shop.project.run(compose_v2, "stop")
    wait_stopped(shop, 1, 2)
    busy = notification(alert("web", "up"))
    told = shop.app.post(busy, "?wait=10s")[0]["decision"]
    assert (told["outcome"], told["reason"]) == ("blocked", "disabled"), told
    assert [replica.state for replica in shop.replicas()] == ["exited", "exited"]
    shop.project.run(compose_v2, "start")
    told = shop.app.post(busy, "?wait=10s")[0]["decision"]
    assert (told["outcome"], told["from"], told["to"]) == ("act", 2, 3), told
    shop.expect(3)


def test_a_crash_loop_is_a_failed_action_and_its_replica_goes(fleet):
    shop = fleet(max=2)
    shop.expect(1)
    volumes_before = volumes(shop.engine)
    (first,) = shop.replicas()
    shop.web_app.turn("crash-new", True)
    shop.fire("up")
    failed = shop.wait_for_action("failed", "timeout")
    assert (failed["action"], failed["from"], failed["to"], failed["outcome"]) == ("up", 1, 2, "failed")
    assert re.match(rf"replica {shop.project.name}-web-2 (exited with 3|keeps exiting), \d times", failed["error"]), failed
    labels = {"target": "web", "action": "up", "outcome": "failed"}
    eventually(lambda: shop.app.metric("alertscaler_actions_total", **labels), 10, "the failure is counted")

    def cleaned_up():
        assert [replica.id for replica in shop.replicas()] == [first.id]
        assert volumes(shop.engine) == volumes_before
        seen = shop.app.target("web")
        assert (seen["state"], seen["decision"]["reason"]) == ("failed", "backoff"), seen
        return True

    # Its next try waits longer and longer; what is broken does not stay until then.
    eventually(cleaned_up, 40, "the broken replica is gone, and the next try waits")
    shop.web_app.turn("crash-new", False)
    done = shop.wait_for_action("done")
    assert (done["action"], done["to"]) == ("up", 2)
    shop.app.check_journal()


def test_an_unhealthy_replica_is_a_failed_action_and_goes(fleet):
    shop = fleet(repeat="once")
    shop.expect(1)
    shop.web_app.turn("unhealthy-new", True)
    shop.fire("up")
    failed = shop.wait_for_action("failed", "timeout")
    assert failed["outcome"] == "failed" and "unhealthy" in failed["error"], failed
    eventually(lambda: shop.numbers() == [1], 20, "the unhealthy replica is gone")
    shop.web_app.turn("unhealthy-new", False)
    shop.expect(2)
    assert [step for step in shop.steps() if step[3] == "done"] == [("up", 1, 2, "done")]


def test_what_does_not_get_ready_in_time_is_not_answered_with_more(fleet):
    """Neither healthy nor unhealthy yet when the time is over: it stays, and there is no further step until it is."""
    shop = fleet(timeout="15s", max=3, options={"retries": 30})
    shop.expect(1)
    shop.web_app.turn("slow", True)
    shop.fire("up")
    late = shop.wait_for_action("timeout")
    assert (late["from"], late["to"]) == (1, 2) and "2 replicas, 1 of them ready" in late["error"], late
    shop.wait_for_decision("postpone", "not_ready")
    assert shop.numbers() == [1, 2]
    shop.web_app.turn("slow", False)
    shop.expect(3)
    assert shop.steps() == [("up", 1, 2, "timeout"), ("up", 2, 3, "done")]


def test_the_sick_go_first_then_the_highest_numbers(fleet):
    shop = fleet(replicas=5)
    shop.expect(5)
    kept = {replica.id for replica in shop.replicas() if replica.number in (1, 3)}
    shop.engine.exec(shop.replicas()[1].id, ["touch", "/tmp/unhealthy"])
    eventually(lambda: "(unhealthy)" in status_of(shop, 2), 20, "the second is unhealthy")
    stop(shop, shop.replicas()[3])
    shop.ask_for(3)
    eventually(lambda: shop.numbers() == [1, 3, 5], 20, "what does not run and what is unhealthy went")
    shop.scale(2)
    assert {replica.id for replica in shop.replicas()} == kept
    shop.scale(3)
    assert shop.numbers() == [1, 3, 4]


# Whoever is asked to stop does so when the other one was asked, too, and after six seconds more.
STOPS = ("trap 'echo {signal} >> /seen/$$(hostname); until [ $$(ls /seen | wc -l) = 2 ]; do sleep 0.1; done; "
         "sleep 6; echo finished >> /seen/$$(hostname); exit 0' {signal}")


@pytest.fixture
def stopping(fleet, scratch):
    """stopping(script, more lines, …): a fleet whose replicas run that script, and the directory of what they say."""
    seen = scratch.directory("seen")

    def make(script, extra="", **options):
        command = f"{script}; touch /tmp/set; while :; do sleep 0.1; done"
        made = fleet(extra=f'    command: [sh, -c, "{command}"]\n{extra}',
                     options={"healthcheck": False, "volumes": [f"{seen}:/seen", "/data"]}, **options)
        made.wait_for_file("/tmp/set")
        return made, seen

    return make


def said(seen):
    """What each replica has said, by its short id."""
    words = {}
    for name in os.listdir(seen):
        with open(os.path.join(seen, name), encoding="utf-8") as text:
            words[name] = text.read().split()
    return words


@pytest.mark.parametrize("signal", ("TERM", "USR1"))
def test_a_replica_is_asked_to_stop_and_gets_the_time_it_needs(stopping, signal):
    """The service's own signal, and a grace period that is far longer than one look of ours."""
    shop, seen = stopping(STOPS.format(signal=signal),
                          f"    stop_signal: SIG{signal}\n    stop_grace_period: 30s\n", replicas=3)
    before = volumes(shop.engine)
    victims = {replica.id[:12] for replica in shop.replicas() if replica.number > 1}
    shop.ask_for(1)
    done = shop.wait_for_action("done", "failed", "timeout")
    assert (done["from"], done["to"], done["outcome"]) == (3, 1, "done")
    assert said(seen) == {victim: [signal, "finished"] for victim in victims}
    assert done["duration_seconds"] >= 6, done
    assert len(before - volumes(shop.engine)) == 2  # their anonymous volumes went with them
    assert shop.numbers() == [1]


def test_a_replica_that_does_not_stop_is_killed_when_its_grace_is_over(stopping):
    shop, _seen = stopping("trap '' TERM", "    stop_grace_period: 2s\n", replicas=2)
    shop.ask_for(1)
    done = shop.wait_for_action("done", "failed", "timeout")
    assert done["outcome"] == "done"
    assert 2 <= done["duration_seconds"] < 10, done  # and not the engine's own ten


def test_a_dry_run_changes_no_container(fleet):
    shop = fleet(replicas=2, app={"options": ["--dry-run"]}, max=3)
    before = [(replica.id, replica.status.split()[0]) for replica in shop.replicas()]
    shop.fire("up")
    shop.wait_for_decision("none", "at_max")
    assert shop.steps() == [("up", 2, 3, "dry_run")]
    assert [(replica.id, replica.status.split()[0]) for replica in shop.replicas()] == before


INJECTED = """
    secrets: [token]
    configs: [{source: greeting, target: /etc/greeting}]
secrets:
  token: {environment: SHOP_TOKEN}
configs:
  greeting: {content: "hello from compose"}
"""


def test_files_that_live_only_in_the_container_go_along(fleet, monkeypatch):
    """Compose writes secrets and configurations into the container itself: no description of it has them."""
    monkeypatch.setenv("SHOP_TOKEN", "open sesame")
    shop = fleet(extra=INJECTED, min=0, docker_compose={"copy_paths": ["/etc/greeting"]})
    for count in (2, 0, 2):
        shop.scale(count)
        for replica in shop.replicas():
            assert shop.engine.exec(replica.id, ["cat", "/run/secrets/token"]) == ("open sesame", 0)
            assert shop.engine.exec(replica.id, ["cat", "/etc/greeting"]) == ("hello from compose", 0)
