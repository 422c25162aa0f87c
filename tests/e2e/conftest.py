"""What the end-to-end tests are given: an engine or a control plane for each run of pytest, the rest for each test.

Each test file is a run of its own, and several run at once; engines do not clash (see ../rig/README.md).
"""

import contextlib
import glob
import itertools
import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from rig import Scratch, docker_engine, eventually, compose as compose_tools, kubernetes_objects
from rig.alertmanager import Alertmanager
from rig.alertscaler import Alertscaler
from rig.api_trouble import ApiTrouble
from rig.compose import Project
from rig.docker_engine import DockerEngine
from rig.fleet import Fleet
from rig.kubernetes import ControlPlane
from rig.kubernetes_fleet import KubernetesFleet
from rig.node_containers import NodeNetwork
from rig.node_fleet import NodeFleet
from rig.pools import PoolController
from rig.prometheus import Prometheus
from rig.requirements import missing
from rig.servers import Collector, MetricsSource, Probes
from rig.settings import compose_target, engine_at, kubernetes_target, settings
from rig.small_disk import SmallDisk
from rig.web_app import WebApp

_numbers = itertools.count(1)
_shared_engines = []  # those that outlive a test, which has to clean up after itself there


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test keeps its scratch directory, and the ends of the logs in it are shown.

    First of all it is told what has ended in the control plane, which it shares with others.
    """
    outcome = yield
    report = outcome.get_result()
    if report.failed and (plane := getattr(item, "funcargs", {}).get("control_plane")) and (ended := plane.ended()):
        report.sections.append(("ended in the control plane", ended))
    scratch = getattr(item, "funcargs", {}).get("scratch")
    if report.failed and scratch:
        scratch.keep()
        report.sections.append(("scratch directory", scratch.path))
        for log in sorted(glob.glob(os.path.join(scratch.path, "**", "*.log"), recursive=True)):
            with open(log, encoding="utf-8", errors="replace") as text:
                report.sections.append((f"end of {log}", "".join(text.readlines()[-40:])))


@pytest.fixture(scope="session")
def requirements():
    """Without what the rig needs an engine's tests are skipped, with the reasons; where CI runs they fail.

    But no change of ours is to blame when Debian's unstable has no engine that this machine can run: skipped everywhere.
    """
    wanting = missing()
    if wanting:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("; ".join(wanting))
    if os.environ.get("ALERTSCALER_ENGINE") == "sid" and (why := docker_engine.unavailable("sid")):
        pytest.skip(why)


@pytest.fixture
def scratch(request):
    with contextlib.closing(Scratch(request.node.originalname)) as directory:
        yield directory


@pytest.fixture
def start(scratch):
    """start(kind, …) makes something that has a close(), which is called at the end, last started first.

    Its files in the scratch directory are still there then.
    """
    with contextlib.ExitStack() as stack:
        yield lambda kind, *args, **options: stack.enter_context(contextlib.closing(kind(*args, **options)))


@contextlib.contextmanager
def _running_engine(failed, **options):
    directory = Scratch("engine")
    engine = None
    try:
        engine = DockerEngine(directory, **options)
        yield engine
    finally:
        if engine:
            engine.close()
        if engine is None or failed():
            shutil.rmtree(directory.directory("data"), ignore_errors=True)  # large, and tells nothing
            directory.keep()
        directory.close()


@pytest.fixture(scope="session")
def engine(request, requirements):
    """The Docker Engine that the tests of one run share; projects have names of their own."""
    with _running_engine(lambda: request.session.testsfailed) as shared:
        _shared_engines.append(shared)
        yield shared


@pytest.fixture
def own_engine(scratch, requirements):
    """own_engine(…) starts an engine for this test alone, to be killed or to be of another release."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(_running_engine(lambda: scratch.kept, **options))


@contextlib.contextmanager
def _running_control_plane(failed, **options):
    directory = Scratch("kubernetes")
    try:
        with contextlib.closing(ControlPlane(directory, **options)) as plane:
            yield plane
    except BaseException:
        directory.keep()
        raise
    finally:
        if failed():
            directory.keep()
        directory.close()


@pytest.fixture(scope="session")
def control_plane(request, requirements):
    """The Kubernetes control plane that the tests of one run share, with two nodes; see the fixture `namespace`."""
    with _running_control_plane(lambda: request.session.testsfailed) as shared:
        yield shared


@pytest.fixture
def own_control_plane(scratch, requirements):
    """own_control_plane(…) starts one for this test alone."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(_running_control_plane(lambda: scratch.kept, **options))


@pytest.fixture(scope="session")
def node_network(engine, control_plane):
    """The shared engine and the shared control plane, and containers of the one that become nodes of the other."""
    directory = Scratch("nodes")
    with contextlib.closing(directory), contextlib.closing(NodeNetwork(directory, engine, control_plane)) as network:
        yield network


@pytest.fixture
def node_fleet(node_network, start, start_alertscaler):
    """node_fleet(…) starts the program over a pool of its own, empty at first; the options are those of NodeFleet.config.

    `app` is more for Alertscaler(), `prefix` that of the nodes' names.
    """

    def make(prefix=None, app=None, **options):
        fleet = start(NodeFleet, node_network, prefix or f"w{next(_numbers)}-")
        fleet.app = start_alertscaler(fleet.config(**options), **{"ready": False, **(app or {})})
        return fleet

    return make


@pytest.fixture
def namespace(control_plane):
    """The name of a namespace of this test's own."""
    name = control_plane.make_namespace(f"test-{next(_numbers)}")
    yield name
    if control_plane.api_running():
        control_plane.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def trouble(control_plane, start):
    """What stands before the API server and makes trouble when it is told to."""
    return start(ApiTrouble, control_plane)


@pytest.fixture
def pools(control_plane, namespace, start):
    """Pools, the custom resource of kubernetes_objects, work in the test's namespace."""
    return start(PoolController, control_plane, namespace)


@pytest.fixture
def kubernetes_fleet(control_plane, namespace, start_alertscaler):
    """kubernetes_fleet(kind, replicas, …) makes a workload and starts the program that scales it.

    `kubeconfig` is the program's way to the API server (the admin's if not given), `pod` are options of its pods, `app`
    more for Alertscaler(), `ready` false: its pods will never be; the rest is the target's policy.
    """

    def make(kind="Deployment", replicas=1, name="web", kubeconfig=None, pod=None, app=None, ready=True, **policy):
        make_object = {"Deployment": kubernetes_objects.deployment, "StatefulSet": kubernetes_objects.stateful_set,
                       "ReplicaSet": kubernetes_objects.replica_set, "Pool": kubernetes_objects.pool}[kind]
        control_plane.apply(make_object(name, replicas, **(pod or {})), namespace=namespace)
        if ready:
            eventually(lambda: len(control_plane.ready_pods(namespace, f"app={name}")) == replicas, 120, "its pods are ready")
        config = settings(kubernetes_target(namespace, name, kind, **policy),
                          kubernetes={"kubeconfig": kubeconfig or control_plane.kubeconfig()})
        program = start_alertscaler(config, **(app or {}))
        return KubernetesFleet(control_plane, namespace, kind, name, program)

    return make


@pytest.fixture
def probes(start):
    """What answers the probes of pods."""
    return start(Probes)


@pytest.fixture(scope="session")
def compose_v1():
    found = compose_tools.v1()
    if found is None:
        pytest.skip("Compose v1 is not installed (Debian 12 has it, later releases do not)")
    return found


@pytest.fixture(scope="session")
def compose_v2():
    return compose_tools.v2()


@pytest.fixture(params=["v1", "v2"])
def compose(request):
    """Each generation of Compose in turn."""
    return request.getfixturevalue(f"compose_{request.param}")


@pytest.fixture
def web_app(engine, scratch):
    return WebApp(engine, scratch)


@pytest.fixture
def project(request, scratch):
    """project(text of compose.yaml) makes a project with a name of its own; it is removed at the end."""
    made = []

    def make(text, name=None, on=None):
        made.append(Project(on or request.getfixturevalue("engine"), scratch, name or f"p{next(_numbers)}", text))
        return made[-1]

    yield make
    for each in made:
        if each.engine in _shared_engines:
            each.remove()


@pytest.fixture
def start_prometheus(scratch, start, requirements):
    return lambda config, rules=None, **options: start(Prometheus, scratch, config, rules, **options)


@pytest.fixture
def start_alertmanager(scratch, start, requirements):
    return lambda config, **options: start(Alertmanager, scratch, config, **options)


@pytest.fixture
def start_alertscaler(scratch, start):
    return lambda config, **options: start(Alertscaler, scratch, config, **options)


@pytest.fixture
def small_disk(scratch, start):
    """A file system of 2 MiB."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can mount a file system")
    return start(SmallDisk, scratch)


@pytest.fixture
def collector(start):
    """A stub that collects what is posted to it."""
    return start(Collector)


@pytest.fixture
def metrics_source(start):
    """metrics_source(load=0) is something to scrape."""
    return lambda **gauges: start(MetricsSource, **gauges)


@pytest.fixture
def fleet(request, scratch, compose_v2, project, start_alertscaler):
    """fleet(…) starts a Compose service and the program that scales it.

    `extra` are more lines of the compose file, `options` those of WebApp.service(), `replicas` how many there are at
    first, `on` an engine of the test's own, `app` more for Alertscaler(); the rest is the target's policy.
    """

    def make(extra="", options=None, replicas=1, starter=None, on=None, app=None, **policy):
        web = WebApp(on, scratch) if on else request.getfixturevalue("web_app")
        shop = project(web.compose_file(extra=extra, **(options or {})), on=on)
        shop.up(starter or compose_v2, scale={"web": replicas})
        if (options or {}).get("healthcheck", True):
            shop.wait_healthy("web")
        target = compose_target(shop.name, **policy)
        config = settings(target, docker=engine_at(shop.engine.socket_path))
        return Fleet(shop, web, start_alertscaler(config, **(app or {})), target["name"])

    return make
