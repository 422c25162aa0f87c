"""Through the shipped socket proxies everything of Compose and Swarm works, and what scaling does not take is refused."""

import pytest

from rig import http_json
from rig.fleet import Fleet
from rig.settings import compose_target, settings, swarm_target
from rig.socket_proxy import SocketProxy
from rig.swarm import ScaledService, Swarm

_NEVER = [
    ("POST", "/containers/{id}/exec"), ("POST", "/v1.41/containers/{id}/exec"), ("POST", "/exec/{id}/start"),
    ("POST", "/containers/{id}/attach"), ("GET", "/containers/{id}/logs"), ("GET", "/containers/{id}/export"),
    ("POST", "/containers/{id}/kill"), ("POST", "/containers/{id}/update"), ("POST", "/build"), ("POST", "/commit"),
    ("POST", "/images/create?fromImage=x"), ("DELETE", "/images/x"), ("GET", "/secrets"), ("GET", "/configs"),
    ("POST", "/swarm/leave?force=1"), ("GET", "/swarm"), ("GET", "/swarm/unlockkey"), ("POST", "/networks/create"),
    ("DELETE", "/volumes/x"), ("POST", "/volumes/prune"), ("GET", "/plugins"), ("GET", "/events"),
    ("POST", "/containers/{id}/%2e%2e/exec"), ("POST", "/containers/x/../{id}/exec"),
    ("POST", "/services/create"), ("DELETE", "/services/{id}"), ("GET", "/services/{id}/logs"), ("DELETE", "/nodes/x"),
]
_OF_CONTAINERS = [
    ("GET", "/containers/json"), ("GET", "/containers/{id}/json"), ("POST", "/containers/create"),
    ("POST", "/containers/{id}/start"), ("POST", "/containers/{id}/stop"), ("DELETE", "/containers/{id}"),
    ("GET", "/images/x/json"), ("PUT", "/containers/{id}/archive?path=/"),
]


def refused(proxy, method, path, body=None):
    answer = http_json.request(f"http://127.0.0.1:{proxy.port}{path}", method, body, None, 10)
    return answer.status in (400, 403)


@pytest.fixture
def proxy(scratch, start, engine):
    return lambda name, on=None: start(SocketProxy, scratch, on or engine, name)


def test_compose(engine, scratch, web_app, project, compose_v2, proxy, start_alertscaler):
    through = proxy("haproxy.cfg")
    shop = project(web_app.compose_file())
    shop.up(compose_v2, scale={"web": 1})
    shop.wait_healthy("web")
    app = start_alertscaler(settings(compose_target(shop.name, min=0), docker={"host": through.host}))
    fleet = Fleet(shop, web_app, app, "web")
    for count in (3, 1, 0, 2):
        fleet.scale(count)
    (first, _second) = shop.replicas("web")
    for method, path in _NEVER:
        path = path.replace("{id}", first.id)
        assert refused(through, method, path, {} if method == "POST" else None), f"{method} {path}"
    assert len(shop.replicas("web")) == 2


def test_swarm(own_engine, scratch, proxy, start_alertscaler):
    swarm = Swarm(own_engine())
    through = proxy("haproxy-swarm.cfg", swarm.engine)
    service = swarm.service("web", 2)
    app = start_alertscaler(settings(swarm_target("web", min=0), docker={"host": through.host}))
    web = ScaledService(service, app, "web")
    for count in (4, 1, 0, 2):
        web.scale(count)
    (first, _second) = swarm.engine.containers("com.docker.swarm.service.name=web", everything=False)
    for method, path in _NEVER + _OF_CONTAINERS:
        path = path.replace("{id}", first["Id"])
        assert refused(through, method, path, {} if method == "POST" else None), f"{method} {path}"
    assert len(service.running()) == 2


def test_a_proxy_that_forbids_it_is_named(own_engine, proxy, start_alertscaler):
    """The list for Compose does not let a Swarm be scaled, and the reason says what it lacks."""
    swarm = Swarm(own_engine())
    swarm.service("web", 1)
    through = proxy("haproxy.cfg", swarm.engine)
    app = start_alertscaler(settings(swarm_target("web"), docker={"host": through.host}), ready=False)
    app.process.wait_for_log("SERVICES, TASKS, NODES and POST", 20)
    assert app.target("web")["state"] == "unknown"
