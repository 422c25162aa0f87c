"""compose/: the images are built and the stack is started, as compose/README.md says, on a real engine.

The base image and stand-ins for the images of Prometheus and Alertmanager are made here of Debian's packages, since no
registry is asked. Grafana stays out of it.
"""

import os
import shutil

import pytest

from rig import eventually, http_json, images
from rig.processes import run

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVICES = ("alertscaler", "prometheus", "alertmanager", "web", "load")
STAND_IN = """FROM debian:trixie-slim
RUN apt-get -q update && apt-get -qy --no-install-recommends install {package} \\
    && install -d -o 65534 -g 65534 {data}
USER 65534:65534
ENTRYPOINT ["/usr/bin/{program}"]
"""
STAND_INS = {
    "prom/prometheus": {"package": "prometheus", "program": "prometheus", "data": "/prometheus"},
    "prom/alertmanager": {"package": "prometheus-alertmanager", "program": "prometheus-alertmanager",
                          "data": "/alertmanager"},
}


class Stack:
    """A copy of the repository as a clone has it, and its stack."""

    def __init__(self, scratch, engine, compose, *files):
        self.engine = engine
        self.place = scratch.directory("clone")
        for name in run(["git", "ls-files"], cwd=REPOSITORY).stdout.splitlines():
            os.makedirs(os.path.join(self.place, os.path.dirname(name)), exist_ok=True)
            shutil.copy2(os.path.join(REPOSITORY, name), os.path.join(self.place, name))
        self._environment = engine.environment()
        print(run(["compose/init-env"], cwd=self.place, env=self._environment).stdout)
        self._compose = [compose.program, *(f"--file=compose/{name}" for name in files)]
        with open(os.path.join(self.place, "compose/secrets/alertscaler.token"), encoding="utf-8") as token:
            self.token = token.read().strip()

    def compose(self, *arguments, seconds=120):
        return run([*self._compose, *arguments], seconds, cwd=self.place, env=self._environment)

    def replicas(self, service="web"):
        return self.engine.replicas("alertscaler", service)

    def get(self, path, token=True):
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        with self.engine.namespaces.network():
            return http_json.request(f"http://127.0.0.1:9095{path}", headers=headers)


def image_of(compose_file, name):
    """The image with its version, as the stack names it."""
    with open(compose_file, encoding="utf-8") as text:
        return next(line.split("image:")[1].strip() for line in text if f"image: {name}:" in line)


@pytest.fixture
def engine_with_images(own_engine, scratch):
    engine = own_engine(outside=True)
    images.import_debian(engine)
    for name, parts in STAND_INS.items():
        place = scratch.directory(f"stand-in-{parts['program']}")
        with open(os.path.join(place, "Dockerfile"), "w", encoding="utf-8") as text:
            text.write(STAND_IN.format(**parts))
        tag = image_of(os.path.join(REPOSITORY, "compose/compose.yaml"), name)
        engine.cli("build", "--tag", tag, place, seconds=600)
    return engine


def test_the_stack_scales_real_replicas(engine_with_images, scratch, compose_v2):
    engine = engine_with_images
    stack = Stack(scratch, engine, compose_v2, "compose.yaml", "compose.docker.yaml")
    try:
        print(stack.compose("up", "--detach", "--build", *SERVICES, seconds=1800).stdout[-2000:])
        (replica,) = stack.replicas("alertscaler")
        eventually(lambda: "(healthy)" in stack.replicas("alertscaler")[0].status, 60, "alertscaler is healthy")
        seen = engine.inspect(replica.id)
        assert seen["Config"]["User"] == "65534:65534"
        assert seen["HostConfig"]["ReadonlyRootfs"] and seen["HostConfig"]["CapDrop"] == ["ALL"]
        assert stack.get("/-/ready", token=False).status == 200
        assert stack.get("/api/v1/targets", token=False).status == 401
        assert stack.get("/api/v1/targets").status == 200
        for name in ("alertscaler:local", "alertscaler-shop:local"):
            size = engine.call("GET", f"/images/{name}/json")["Size"] / 1e6
            print(f"image {name}: {size:.0f} MB")
            assert size < 200

        # The load rises after 10 s, stays for two minutes, and falls: from rule to replica and back. How far down it
        # goes before the load comes again depends on this machine: on a busy one the latency alone forbids it.
        def steps(action):
            history = stack.get("/api/v1/history?target=web").json()["data"]
            return [entry for entry in history if (entry["action"], entry["outcome"]) == (action, "done")]

        eventually(lambda: len(stack.replicas()) >= 3, 180, "an alert has brought replicas of web")
        eventually(lambda: steps("down"), 300, "the load is gone, and replicas go")
        assert {entry["cause"]["alertname"] for entry in steps("down")} == {"WebLoadLow"}
        assert {entry["cause"]["alertname"] for entry in steps("up")} <= {
            "WebRequestRateHigh", "WebRequestRateSurge", "WebLatencyHigh", "WebCpuHigh"}
    except BaseException:
        print(stack.compose("ps", "--all").stdout, stack.compose("logs", "--tail=40").stdout)
        raise
    finally:
        stack.compose("down", "--volumes", "--timeout=3")
    assert not engine.containers("com.docker.compose.project=alertscaler")
