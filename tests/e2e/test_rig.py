"""The rig itself: what the other tests stand on does what they think it does."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest

from rig import alertmanager, cache, docker_engine, eventually, images, notifications, prometheus
from rig.alertscaler import parse_metrics
from rig.scratch import Scratch

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_an_engine_runs_a_container(engine):
    print(engine.facts())
    images.import_busybox(engine)
    assert engine.cli("run", "--rm", images.BUSYBOX, "echo", "hello").stdout == "hello\n"
    assert "hello" not in str(engine.containers())


def test_ports_that_containers_publish_are_reached_from_inside(engine):
    images.import_busybox(engine)
    container = engine.cli("run", "--detach", "--publish=127.0.0.1::80", images.BUSYBOX, "httpd", "-f").stdout.strip()
    port = engine.inspect(container)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]

    def status():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with engine.namespaces.network():
        eventually(lambda: status() == 404, 10, "the container's server answers")
    with pytest.raises(OSError):
        status()
    engine.remove(container)


def test_each_compose_starts_and_lists_two_replicas(engine, compose, web_app, project):
    shop = project(web_app.compose_file())
    shop.up(compose, scale={"web": 2})
    assert shop.names("web") == [compose.separator.join([shop.name, "web", number]) for number in "12"]
    assert shop.listed(compose, "web") == {replica.id for replica in shop.replicas("web")}
    eventually(lambda: all("(healthy)" in replica.status for replica in shop.replicas("web")), 20, "both are healthy")
    assert engine.running(shop.name, "web") == 2
    assert shop.leftovers() != []
    shop.down(compose)
    assert shop.leftovers() == []


def test_the_web_app_gets_sick_and_crashes_on_command(engine, compose_v2, web_app, project):
    shop = project(web_app.compose_file())
    shop.up(compose_v2, scale={"web": 1})
    (first,) = shop.replicas("web")
    eventually(lambda: "(healthy)" in shop.replicas("web")[0].status, 20, "it is healthy")
    assert engine.exec(first.id, ["wget", "-qO-", "http://127.0.0.1:8080/cgi-bin/who"])[0].strip() == first.id[:12]
    web_app.turn("unhealthy-new", True)
    web_app.turn("crash-new", True)
    assert engine.exec(first.id, ["/healthy"])[1] == 0
    shop.up(compose_v2, "--no-recreate", scale={"web": 2})
    second = shop.replicas("web")[1].id
    eventually(lambda: engine.inspect(second)["RestartCount"] >= 2, 20, "the second crashes again and again")
    web_app.turn("crash-new", False)
    eventually(lambda: "(unhealthy)" in shop.replicas("web")[1].status, 20, "the second runs and is unhealthy")
    web_app.turn("unhealthy", True)
    eventually(lambda: "(unhealthy)" in shop.replicas("web")[0].status, 20, "the first is unhealthy")
    web_app.turn("crash", True)
    eventually(lambda: engine.inspect(first.id)["RestartCount"] >= 1, 20, "the first crashes")


def test_a_moved_tag_is_another_image(engine, web_app):
    before = engine.call("GET", "/images/web:test/json")["Id"]
    web_app.import_image("2")
    assert engine.call("GET", "/images/web:test/json")["Id"] != before


def test_an_engine_that_is_killed_comes_back_with_its_containers(own_engine):
    engine = own_engine()
    images.import_busybox(engine)
    command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]
    container = engine.cli("run", "--detach", "--restart=always", images.BUSYBOX, *command).stdout.strip()
    for end in (engine.kill, engine.lose_power, engine.stop):
        end()
        with pytest.raises(OSError):
            engine.call("GET", "/_ping")
        engine.start()
        eventually(lambda: engine.inspect(container)["State"]["Running"], 20, f"it runs again after {end.__name__}")


def test_a_newer_engine_can_be_had(own_engine):
    engine = own_engine(release="trixie")
    print(engine.facts())
    assert tuple(map(int, engine.facts()["api"].split("."))) >= (1, 44)
    images.import_busybox(engine)
    assert engine.cli("run", "--rm", images.BUSYBOX, "echo", "hello").stdout == "hello\n"


def test_an_engine_that_is_not_to_be_had_is_said(requirements):
    assert docker_engine.unavailable("trixie") is None
    assert "no Docker Engine of nosuch runs here: apt-get" in docker_engine.unavailable("nosuch")


def test_containers_reach_the_package_mirror_only_when_asked_to(engine, own_engine):
    outside = own_engine(outside=True)
    images.import_debian(outside)
    updated = outside.cli("run", "--rm", images.DEBIAN, "apt-get", "update")
    assert "Reading package lists" in updated.stdout and "Err:" not in updated.stdout
    images.import_busybox(engine)
    assert engine.cli("run", "--rm", images.BUSYBOX, "ip", "route").stdout.startswith("default")
    with open(f"/proc/{engine.namespaces.processes('dockerd')[0]}/net/route", encoding="utf-8") as routes:
        assert not any(line.split()[1] == "00000000" for line in routes)


def test_prometheus_and_alertmanager_deliver_an_alert(start_prometheus, start_alertmanager, collector, metrics_source):
    source = metrics_source(load=1)
    am = start_alertmanager(alertmanager.config(f"{collector.url}/webhook"))
    rules = """groups: [{name: load, rules: [{alert: HighLoad, expr: load > 10,
               labels: {scale_target: web, scale_action: up}}]}]"""
    prom = start_prometheus(prometheus.config({"load": source.address}, am.address), {"load.rules.yml": rules})
    eventually(lambda: [value for _labels, value in prom.query("load")] == [1], 20, "the load is scraped")
    assert prom.firing() == [] and collector.requests() == []
    source.set(load=20)
    eventually(collector.requests, 20, "the alert is delivered")
    (alert,) = collector.requests()[0].json()["alerts"]
    assert alert["status"] == "firing" and alert["labels"]["alertname"] == "HighLoad"
    assert alert["fingerprint"] == notifications.fingerprint(alert["labels"])
    assert prom.firing() == ["HighLoad"]
    assert [each["labels"]["alertname"] for each in am.alerts()] == ["HighLoad"]
    source.set(load=1)
    eventually(lambda: collector.requests()[-1].json()["status"] == "resolved", 20, "the end of the alert is delivered")


def test_alertmanager_takes_alerts_and_a_new_configuration(start_alertmanager, start, collector):
    am = start_alertmanager(alertmanager.config("http://127.0.0.1:1/nobody"))
    am.reload(alertmanager.config(f"{collector.url}/hook"))
    am.post({"labels": {"alertname": "A", "scale_target": "web"}})
    eventually(collector.requests, 20, "the alert is delivered to the new receiver")
    assert collector.requests()[0].path == "/hook"


def test_a_fingerprint_is_what_prometheus_computes():
    assert notifications.fingerprint({"alertname": "A", "svc": "web"}) == "116013f56c4e2583"


def test_metrics_are_read():
    text = '# HELP x y\n# TYPE x counter\nx{a="b",c="d\\"e,f"} 3\ny 4.5e+01 1700000000000\n'
    assert parse_metrics(text) == {("x", (("a", "b"), ("c", 'd\\"e,f'))): 3.0, ("y", ()): 45.0}


def test_a_wait_that_fails_says_what_it_saw():
    with pytest.raises(AssertionError, match="not within 0.1 s: it rains; last seen: AssertionError: 3 drops"):
        def rains():
            raise AssertionError("3 drops")
        eventually(rains, 0.1, "it rains")


def test_the_cache_builds_once_and_keeps_nothing_unfinished(monkeypatch, scratch):
    monkeypatch.setenv("XDG_CACHE_HOME", scratch.path)
    builds = []

    def build(place):
        builds.append(place)
        with open(os.path.join(place, "file"), "w", encoding="utf-8") as out:
            out.write("x" * len(builds))

    def fail(_place):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.entry("thing", fail)
    threads = [threading.Thread(target=cache.entry, args=("thing", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert sorted(os.listdir(cache.root())) == ["locks", "thing"]


def test_a_file_that_is_written_again_is_never_seen_half(scratch):
    """Kubelets read the kubeconfig while it is made once more for the next one."""
    texts = ("a" * 1_000_000, "b" * 2_000_000)
    path = scratch.file("shared", text=texts[0])
    seen, writing = set(), True

    def read():
        while writing:
            with open(path, encoding="utf-8") as file:
                seen.add(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        scratch.file("shared", text=texts[number % 2])
    writing = False
    reader.join()
    assert seen <= set(texts) and seen, [len(text) for text in seen]
    assert os.listdir(scratch.path) == ["shared"]


def test_nothing_outlives_a_killed_test(scratch):
    """A run that is killed with SIGKILL leaves no engine, no container and no mount."""
    script = """if True:
        import sys, time
        sys.path.insert(0, sys.argv[1])
        from rig import Scratch, images
        from rig.docker_engine import DockerEngine
        directory = Scratch("killed")
        engine = DockerEngine(directory)
        images.import_busybox(engine)
        engine.cli("run", "--detach", images.BUSYBOX, "sleep", "1000")
        print(directory.path, *engine.namespaces.processes(), flush=True)
        time.sleep(1000)
    """
    victim = subprocess.Popen([sys.executable, "-c", script, TESTS], stdout=subprocess.PIPE, text=True)
    path, *pids = victim.stdout.readline().split()
    left = Scratch("killed")
    left.close()
    left.path = path  # what the victim can no longer remove
    try:
        assert len(pids) == 4  # dockerd, containerd, a shim, sleep
        victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20, "all its processes are gone")
        with open("/proc/mounts", encoding="utf-8") as mounts:
            assert path not in mounts.read()
    finally:
        victim.kill()
        victim.stdout.close()
        left.close()
