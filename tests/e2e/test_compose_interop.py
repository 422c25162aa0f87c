"""Docker Compose takes the replicas that we make for its own, and they are what it would have made itself."""

import re

import pytest

from rig import eventually, images
from rig.fleet import Fleet
from rig.settings import compose_target, engine_at, settings

NETWORKS = """
    networks: {front: {aliases: [www]}, back: {aliases: [internal]}}
  client:
    image: busybox:test
    command: sleep 1000
    stop_signal: SIGKILL
    networks: [front, back]
networks:
  front: {}
  back: {}
"""


@pytest.fixture
def world(compose, engine, web_app, project, start_alertscaler):
    """world(text, replicas): a project that each generation of Compose starts."""
    images.import_busybox(engine)

    def make(extra="", volumes=(), **policy):
        shop = project(web_app.compose_file(extra=extra, volumes=volumes))
        shop.up(compose, scale={"web": 1})
        shop.wait_healthy("web")
        app = start_alertscaler(settings(compose_target(shop.name, **policy), docker=engine_at(engine.socket_path)))
        fleet = Fleet(shop, web_app, app, "web")
        fleet.compose = compose
        return fleet

    make.engine = engine
    return make


MANY_OPTIONS = """
    environment: {ROLE: shop, EMPTY: "", QUOTED: "a \\"b\\" $$c"}
    labels: {shop.tier: front}
    hostname: shop-front
    working_dir: /tmp
    init: true
    read_only: false
    shm_size: 80mb
    stop_signal: SIGINT
    stop_grace_period: 7s
    tmpfs: ["/run:size=1m,mode=755"]
    ulimits: {nofile: {soft: 1000, hard: 2000}}
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    security_opt: ["no-new-privileges:true"]
    sysctls: {net.core.somaxconn: "512"}
    extra_hosts: ["db.example:192.0.2.7"]
    dns: [192.0.2.53]
    dns_search: [example.org]
    mem_limit: 200m
    cpu_shares: 512
    pids_limit: 100
    oom_score_adj: 100
    logging: {driver: json-file, options: {max-size: 1m}}
    ports: ["8080", "127.0.0.1:18200-18209:8081", "9000/udp"]
    expose: ["7000"]
    networks: {front: {aliases: [www, shop]}, back: {}}
  db:
    image: busybox:test
    command: sleep 1000
    stop_signal: SIGKILL
    networks: [back]
networks:
  front: {}
  back: {}
volumes:
  shared: {}
"""


def as_made(fleet, number):
    """All that the engine tells of that replica, but for what differs between any two."""
    (replica,) = [each for each in fleet.replicas() if each.number == number]
    told = fleet.engine.inspect(replica.id)
    labels = {key: value for key, value in told["Config"]["Labels"].items() if not key.startswith("alertscaler.")}
    config = {**told["Config"], "Labels": labels}
    if config["Hostname"] == replica.id[:12]:
        config["Hostname"] = "its own id"
    networks = {name: {"Aliases": sorted({"its own id" if alias == replica.id[:12] else alias
                                          for alias in endpoint["Aliases"]}), "Links": endpoint["Links"]}
                for name, endpoint in told["NetworkSettings"]["Networks"].items()}
    mounts = sorted((mount["Type"], mount["Destination"], mount["RW"], mount["Propagation"],
                     "anonymous" if len(mount.get("Name", "")) == 64 else mount["Source"]) for mount in told["Mounts"])
    # Compose connects networks of the same priority in any order; the first gives the mode its name.
    host = told["HostConfig"]
    if host["NetworkMode"] in networks:
        host["NetworkMode"] = "one of its networks"
    return {"name": replica.name, "image": told["Image"], "config": without_nothing(config),
            "host": without_nothing(host), "networks": networks, "mounts": mounts}


def without_nothing(options):
    """Options that are not there, null, empty or false are the same to the engine; Compose gives lists in any order."""
    unordered = ("Env", "Binds", "Mounts", "ExtraHosts", "Ulimits", "Devices")
    return {key: sorted(value, key=str) if key in unordered else value for key, value in options.items() if value}


def volumes(engine):
    return {volume["Name"] for volume in engine.call("GET", "/volumes")["Volumes"] or []}


def ids_and_starts(fleet):
    """Changes when Compose recreates or restarts any of them."""
    return {replica.name: (replica.id, fleet.engine.inspect(replica.id)["State"]["StartedAt"])
            for replica in fleet.replicas()}


def check_that_compose_owns(fleet, count):
    """Compose lists them, an up with this count changes nothing."""
    assert fleet.project.listed(fleet.compose, "web") == {replica.id for replica in fleet.replicas()}
    separator = fleet.compose.separator
    assert [replica.name for replica in fleet.replicas()] == [
        separator.join([fleet.project.name, "web", str(number)]) for number in fleet.numbers()]
    before = ids_and_starts(fleet)
    told = fleet.project.up(fleet.compose, scale={"web": count})
    assert ids_and_starts(fleet) == before, told.stderr
    assert len(before) == count


def test_replicas_are_compose_s_own_and_down_leaves_nothing(world):
    before = volumes(world.engine)
    fleet = world(volumes=["/data"])
    fleet.scale(4)
    assert fleet.numbers() == [1, 2, 3, 4]
    check_that_compose_owns(fleet, 4)
    fleet.scale(2)
    assert fleet.numbers() == [1, 2]
    check_that_compose_owns(fleet, 2)
    fleet.scale(3)
    fleet.app.terminate()
    fleet.project.down(fleet.compose, "--volumes")
    assert fleet.project.leftovers() == []
    assert volumes(fleet.engine) == before


def addresses(fleet, network):
    """Those of the replicas on that network."""
    name = f"{fleet.project.name}_{network}"
    return {fleet.engine.inspect(replica.id)["NetworkSettings"]["Networks"][name]["IPAddress"]
            for replica in fleet.replicas()}


def resolved(fleet, name):
    """What the client container finds under that name."""
    (client,) = fleet.project.replicas("client")
    text, _status = fleet.engine.exec(client.id, ["nslookup", "-type=a", name])
    return set(re.findall(r"^Address[^:]*:\s*([\d.]+)\s*$", text, re.MULTILINE))


def test_every_network_and_alias_reaches_the_new_ones(world):
    fleet = world(NETWORKS)
    fleet.scale(3)
    check_that_compose_owns(fleet, 3)
    for network, alias in (("front", "www"), ("back", "internal")):
        wanted = addresses(fleet, network)
        assert len(wanted) == 3 and "" not in wanted
        assert resolved(fleet, alias) == wanted
    # The engine answers from the first network that knows a name.
    assert resolved(fleet, "web") in (addresses(fleet, "front"), addresses(fleet, "back"))
    for replica in fleet.replicas():
        # Each answers for its own name and short id alone.
        own = {endpoint["IPAddress"]
               for endpoint in fleet.engine.inspect(replica.id)["NetworkSettings"]["Networks"].values()}
        for name in (replica.name, replica.id[:12]):
            assert resolved(fleet, name) <= own and resolved(fleet, name), name
    macs = [endpoint["MacAddress"] for replica in fleet.replicas()
            for endpoint in fleet.engine.inspect(replica.id)["NetworkSettings"]["Networks"].values()]
    assert len(set(macs)) == len(macs) == 6
    fleet.app.terminate()
    fleet.project.down(fleet.compose)
    assert fleet.project.leftovers() == []


def test_a_replica_of_ours_is_what_compose_would_have_made(world):
    fleet = world(MANY_OPTIONS, volumes=["/data", "shared:/shared", "/etc:/host-etc:ro"])
    fleet.scale(2)
    ours = as_made(fleet, 2)
    fleet.app.terminate()
    fleet.project.up(fleet.compose, scale={"web": 1})
    fleet.project.up(fleet.compose, scale={"web": 2})
    assert ours == as_made(fleet, 2)


def anonymous_volumes(fleet):
    """(replica, path): the volume there."""
    return {(replica.number, mount["Destination"]): mount["Name"]
            for replica in fleet.replicas() for mount in fleet.engine.inspect(replica.id)["Mounts"]
            if mount["Type"] == "volume"}


def test_anonymous_volumes_are_each_replica_s_own(world):
    engine = world.engine
    before = volumes(engine)
    fleet = world(volumes=["/data", "/cache"])
    # Once recreated by Compose, the template has its anonymous volumes by name: a trap for whoever copies it.
    fleet.project.up(fleet.compose, "--force-recreate", scale={"web": 1})
    (first,) = fleet.replicas()
    engine.exec(first.id, ["sh", "-c", "echo mine > /data/owner"])
    fleet.expect(1)
    fleet.scale(3)
    found = anonymous_volumes(fleet)
    assert sorted(found) == [(number, path) for number in fleet.numbers() for path in ("/cache", "/data")]
    assert len(set(found.values())) == 6
    for replica in fleet.replicas()[1:]:
        assert engine.exec(replica.id, ["ls", "/data"])[0].strip() == ""
    assert engine.exec(first.id, ["cat", "/data/owner"])[0].strip() == "mine"
    check_that_compose_owns(fleet, 3)
    # Going down takes the volumes of those that go along.
    fleet.scale(1)
    assert volumes(engine) - before == set(anonymous_volumes(fleet).values())
    left = set(anonymous_volumes(fleet).values())
    fleet.app.terminate()
    fleet.project.down(fleet.compose, "--volumes")
    assert fleet.project.leftovers() == []
    # Compose itself leaves those of a container that it has recreated: the engine takes them for named ones.
    assert volumes(engine) - before <= left
    for name in volumes(engine) & left:
        engine.call("DELETE", f"/volumes/{name}")


def test_a_moved_tag_gives_no_mixed_set(world):
    fleet = world()
    (first,) = fleet.replicas()
    image = fleet.engine.inspect(first.id)["Image"]
    fleet.web_app.import_image("2")
    fleet.scale(2)
    assert [fleet.engine.inspect(replica.id)["Image"] for replica in fleet.replicas()] == [image] * 2
    # Compose moves all of them to what the tag means now, and from then on so do we.
    fleet.resolve("to")  # what is missing for a moment is for Compose to make
    fleet.project.up(fleet.compose, scale={"web": 2})
    moved = {fleet.engine.inspect(replica.id)["Image"] for replica in fleet.replicas()}
    assert len(moved) == 1 and moved != {image}
    fleet.expect(2)
    fleet.scale(3)
    assert {fleet.engine.inspect(replica.id)["Image"] for replica in fleet.replicas()} == moved
    check_that_compose_owns(fleet, 3)


def test_a_changed_project_is_followed(world):
    """Somebody edits the compose file and runs up: what is cloned from then on is the new one."""
    fleet = world('    environment: {ROLE: "before"}\n')
    fleet.scale(2)
    with open(fleet.project.file, encoding="utf-8") as text:
        fleet.project.write(text.read().replace("before", "after"))
    fleet.resolve("to")
    fleet.project.up(fleet.compose, scale={"web": 2})
    fleet.expect(2)
    fleet.scale(4)
    roles = [entry for replica in fleet.replicas()
             for entry in fleet.engine.inspect(replica.id)["Config"]["Env"] if entry.startswith("ROLE=")]
    assert roles == ["ROLE=after"] * 4
    check_that_compose_owns(fleet, 4)


def test_compose_s_own_scaling_is_respected(world):
    """What a person does with Compose meanwhile is the new starting point."""
    fleet = world(repeat="once")
    fleet.fire("up", name="First", annotations={"scale_step": "2"})
    fleet.expect(3)
    fleet.resolve("up", name="First")
    fleet.project.up(fleet.compose, scale={"web": 2})
    fleet.fire("up", name="Second")
    fleet.expect(3)
    assert fleet.steps() == [("up", 1, 3, "done"), ("up", 2, 3, "done")]
