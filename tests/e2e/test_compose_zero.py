"""To zero and back: the last replica goes, and what it was like is remembered."""

import pytest

from rig import eventually
from rig.fleet import Fleet
from rig.settings import compose_target, engine_at, settings

NETWORKS = """
    networks: {front: {aliases: [www]}, back: {}}
    labels: {shop.tier: front}
    environment: {GREETING: "hello, all of you"}
networks:
  front: {}
  back: {}
"""


def seen_by_engine(fleet):
    """What makes a replica one of this service."""
    found = []
    for replica in fleet.replicas():
        told = fleet.engine.inspect(replica.id)
        labels = {key: value for key, value in told["Config"]["Labels"].items()
                  if key.startswith("com.docker.compose.") and key != "com.docker.compose.container-number"}
        found.append((labels, told["Image"], sorted(told["Config"]["Env"]), sorted(told["HostConfig"]["Binds"] or []),
                      sorted(told["NetworkSettings"]["Networks"])))
    return found


@pytest.mark.parametrize("restart", (False, True), ids=("while it runs", "across a restart"))
def test_to_zero_and_back(fleet, compose, restart):
    shop = fleet(extra=NETWORKS, replicas=2, starter=compose, min=0)
    before = seen_by_engine(shop)[0]
    shop.scale(0)
    assert shop.replicas() == []
    if restart:
        shop.app.kill()
        shop.app.start()
        shop.expect(0)
    shop.scale(3)
    assert [{**each[0], "com.docker.compose.replace": None} for each in seen_by_engine(shop)] == [
        {**before[0], "com.docker.compose.replace": None}] * 3
    assert [each[1:] for each in seen_by_engine(shop)] == [before[1:]] * 3
    ids = [replica.id for replica in shop.replicas()]
    shop.project.up(compose, scale={"web": 3})
    assert [replica.id for replica in shop.replicas()] == ids
    assert shop.steps() == [("to", 2, 0, "done"), ("to", 0, 3, "done")]
    shop.app.terminate()
    shop.project.down(compose)
    assert shop.project.leftovers() == []


def test_down_steps_reach_zero_only_where_zero_is_allowed(fleet):
    shop = fleet(replicas=2, min=0)
    shop.fire("down")
    shop.expect(0)
    assert shop.steps() == [("down", 2, 1, "done"), ("down", 1, 0, "done")]
    shop.resolve("down")
    shop.fire("up", annotations={"scale_step": "2"}, name="Once")
    eventually(lambda: ("up", 0, 2, "done") in shop.steps(), 40, "it is back")


def up(fleet, compose):
    """`compose up` with one replica; the program, which tries again and again, does nothing amid it."""

    def quiet():
        return fleet.app.target("web")["state"] == "paused"

    assert fleet.app.request("/api/v1/targets/web/pause", "POST", "").status == 200
    eventually(quiet, 20, "it is paused")
    fleet.project.up(compose, scale={"web": 1})
    assert fleet.app.request("/api/v1/targets/web/resume", "POST", "").status == 200


def test_zero_that_lost_its_project_says_what_to_do(fleet, compose_v2):
    """`compose down` takes the networks away: nothing can be made before the next `up`, and then it goes on."""
    shop = fleet(extra=NETWORKS, min=0)
    shop.scale(0)
    shop.project.down(compose_v2)
    assert shop.project.leftovers() == []
    shop.ask_for(2)
    failed = shop.wait_for_action("failed")
    assert "docker compose" in failed["error"] and "up" in failed["error"], failed["error"]
    assert shop.replicas() == []
    up(shop, compose_v2)
    shop.expect(2, 60)
    shop.app.check_journal()


def test_a_service_that_never_was_says_what_to_do(project, web_app, compose_v2, start_alertscaler):
    shop = project(web_app.compose_file())
    app = start_alertscaler(settings(compose_target(shop.name, min=0), docker=engine_at(shop.engine.socket_path)))
    fleet = Fleet(shop, web_app, app, "web")
    assert fleet.app.target("web")["observed"] == 0
    fleet.ask_for(2)
    failed = fleet.wait_for_action("failed")
    assert failed["error"].find("has no container to clone") > 0, failed["error"]
    assert 'docker compose up -d --scale web=1 web' in failed["error"], failed["error"]
    up(fleet, compose_v2)
    fleet.expect(2, 60)
