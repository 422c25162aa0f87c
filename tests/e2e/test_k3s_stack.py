"""compose/k3s.yaml, as far as it goes without the images of a registry: its files fit together, and the accounts that it
makes in a real cluster may do what they have to, and no more."""

import json
import os
import re

import pytest
import yaml

from rig import budgets, eventually, kubernetes_programs
from rig.alertscaler import run_once
from rig.node_fleet import NodeFleet
from rig.processes import run
from rig.settings import engine_at

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPOSE = os.path.join(REPOSITORY, "compose")
FILES = {"socket": ["k3s.yaml"], "proxy": ["k3s.yaml", "k3s.socket-proxy.yaml"]}
ENV = {"COMPOSE_PROJECT_NAME": "k3s", "ALERTSCALER_TOKEN_FILE": "./secrets/alertscaler.token",
       "GRAFANA_PASSWORD_FILE": "./secrets/grafana.password", "DOCKER_SOCKET": "/var/run/docker.sock",
       "DOCKER_GID": "998"}
# (who, verb, what, in which namespace): what each account is there for.
ALLOWED = [("alertscaler", "list", "nodes", ""), ("alertscaler", "patch", "nodes", ""),
           ("alertscaler", "delete", "nodes", ""), ("alertscaler", "list", "pods", ""),
           ("alertscaler", "create", "pods/eviction", ""), ("alertscaler", "get", "daemonsets.apps", ""),
           ("alertscaler", "create", "events.events.k8s.io", "kube-system"),
           ("prometheus", "watch", "nodes", ""), ("prometheus", "get", "nodes/metrics", ""),
           ("kube-state-metrics", "watch", "pods", ""), ("kube-state-metrics", "list", "nodes", "")]
REFUSED = [("alertscaler", "delete", "pods", ""), ("alertscaler", "create", "pods", ""),
           ("alertscaler", "get", "secrets", "kube-system"), ("alertscaler", "update", "nodes", ""),
           ("prometheus", "list", "pods", ""), ("prometheus", "patch", "nodes", ""),
           ("prometheus", "get", "secrets", "alertscaler"), ("kube-state-metrics", "get", "secrets", "alertscaler"),
           ("kube-state-metrics", "delete", "nodes", "")]


def read(*path):
    with open(os.path.join(REPOSITORY, *path), encoding="utf-8") as file:
        return file.read()


def load(*path):
    return yaml.safe_load(read(*path))


@pytest.fixture(params=FILES)
def files(request):
    return FILES[request.param]


def rendered(compose, files):
    arguments = [each for name in files for each in ("-f", os.path.join(COMPOSE, name))]
    return yaml.safe_load(run([compose.program, *arguments, "config"], env=ENV).stdout)


def source_of(mount):
    return mount["source"] if isinstance(mount, dict) else mount.split(":")[0]


@pytest.mark.parametrize("generation", ["v1", "v2"])
def test_compose_takes_it_and_everything_that_it_names_is_there(request, generation, files):
    seen = rendered(request.getfixturevalue(f"compose_{generation}"), files)
    sockets = []
    for name, service in seen["services"].items():
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"]) and not service["image"].endswith(":latest"), name
        for mount in service.get("volumes", ()):
            source = source_of(mount)
            if source.startswith(COMPOSE) or source.startswith(REPOSITORY):
                assert os.path.exists(source), f"{name} mounts {source}"
            else:
                assert source in seen["volumes"] or source in (ENV["DOCKER_SOCKET"], "/dev/null"), f"{name}: {source}"
        for each in service.get("secrets", ()):
            assert (each["source"] if isinstance(each, dict) else each) in seen["secrets"], name
        assert set(service["networks"]) <= set(seen["networks"]), name
        for other in service.get("depends_on", ()):
            assert other in seen["services"], name
        if ENV["DOCKER_SOCKET"] in map(source_of, service.get("volumes", ())):
            sockets.append(name)
    assert sockets == (["alertscaler"] if len(files) == 1 else ["socket-proxy"]), "who has the socket"


def test_its_files_speak_of_the_same_things():
    stack, settings, prometheus = load("compose/k3s.yaml"), load("compose/k3s/alertscaler.yml"), load("compose/k3s/prometheus.yml")
    (target,) = settings["targets"]
    pool = target["docker_nodes"]
    assert pool["image"] == stack["services"]["k3s-server"]["image"] == stack["services"]["credentials"]["image"]
    assert stack["networks"]["k3s"]["name"] == pool["network"]
    (mount,) = pool["mounts"]
    volume, path, _mode = mount.split(":")
    assert stack["volumes"]["k3s-join"]["name"] == volume and os.path.dirname(pool["env"]["K3S_TOKEN_FILE"]) == path
    rules = read("rules/k3s-nodes.yml")
    assert set(re.findall(r"scale_target: (\w+)", rules)) == {target["name"]}
    assert set(re.findall(r'node=~"([^"]+)\.\+"', rules)) == {pool["name_prefix"]}
    jobs = {each["job_name"] for each in prometheus["scrape_configs"]}
    assert set(re.findall(r'job="([\w-]+)"', rules)) <= jobs
    mounted = [each.split(":")[1] for each in stack["services"]["prometheus"]["volumes"]]
    assert set(prometheus["rule_files"]) <= set(mounted)
    targets = [each for job in prometheus["scrape_configs"] for some in job.get("static_configs", ()) for each in some["targets"]]
    assert {each.split(":")[0] for each in targets} - {"localhost"} <= set(stack["services"])


def test_promtool_takes_its_configuration(scratch, requirements):
    """With its files where they are here, as it looks for them; Debian's is built without the discovery of Kubernetes."""
    text = read("compose/k3s/prometheus.yml")
    for name in ("kubernetes/token", "kubernetes/ca.crt", "kubernetes/kubeconfig", "alertscaler.token"):
        assert f"/etc/prometheus/{name}" in text
        scratch.file("prometheus", name, text="x\n")
    discovery = ("kubernetes_sd_configs:", "- {role: node, kubeconfig_file: /etc/prometheus/kubernetes/kubeconfig}")
    for what, by in zip(discovery, ("static_configs:", "- {targets: ['node:10250']}")):
        assert text.count(what) == 1, what
        text = text.replace(what, by)
    text = text.replace("/etc/prometheus/rules", os.path.join(REPOSITORY, "rules"))
    text = text.replace("/etc/prometheus", scratch.directory("prometheus"))
    run(["promtool", "check", "config", scratch.file("prometheus", "prometheus.yml", text=text)])


class Cluster:
    """The control plane of the rig in the place of k3s, with the accounts that the stack makes."""

    def __init__(self, scratch, plane):
        self.plane = plane
        self._accounts = {each: scratch.directory("for", each)
                          for each in ("alertscaler", "prometheus", "kube-state-metrics")}
        self._joined = scratch.directory("join")
        self._kubectl = f"{kubernetes_programs.program('kubectl')} --kubeconfig={plane.kubeconfig()}"
        self._environment = {
            "KUBECTL": self._kubectl, "SERVER": plane.url, "RIGHTS": os.path.join(COMPOSE, "k3s/rights.yaml"),
            "JOIN_TOKEN": scratch.file("node-token", text="K10abc::server:xyz\n"), "JOIN": self._joined,
            "FOR_WHOM": scratch.directory("for")}

    def hand_out(self):
        return run(["sh", os.path.join(COMPOSE, "k3s/credentials")], 120, env=self._environment).stdout

    def kubeconfig(self, account):
        return os.path.join(self._accounts[account], "kubeconfig")

    def join_token(self):
        with open(os.path.join(self._joined, "token"), encoding="utf-8") as file:
            return file.read()

    def may(self, account, verb, resource, namespace):
        where = ["--namespace", namespace] if namespace else []
        told = self.plane.kubectl("auth", "can-i", verb, *(["nodes", "--subresource=metrics"] if resource == "nodes/metrics" else
                                  ["pods", "--subresource=eviction"] if resource == "pods/eviction" else [resource]),
                                  *where, kubeconfig=self.kubeconfig(account), check=False)
        return told.stdout.strip() == "yes"

    def load(self, *arguments, check=True):
        return run([os.path.join(COMPOSE, "k3s-load"), *arguments], 60, check, env={"KUBECTL": self._kubectl})


@pytest.fixture(name="cluster")
def _cluster(scratch, control_plane):
    cluster = Cluster(scratch, control_plane)
    print(cluster.hand_out())
    return cluster


def test_each_account_may_do_its_work_and_no_more(cluster):
    cluster.hand_out()  # again, as at each start of the stack
    for account, verb, resource, namespace in ALLOWED:
        eventually(lambda asked=(account, verb, resource, namespace): cluster.may(*asked), 10,
                   f"{account} must be able to {verb} {resource}")
    for account, verb, resource, namespace in REFUSED:
        assert not cluster.may(account, verb, resource, namespace), f"{account} may {verb} {resource}"
    assert cluster.join_token() == "K10abc::server:xyz\n"
    for account in {each[0] for each in ALLOWED}:
        seen = os.stat(cluster.kubeconfig(account))
        assert (seen.st_mode & 0o777, seen.st_uid) == (0o600, 65534)


def test_the_load_makes_pods_that_find_no_room(cluster, control_plane, monkeypatch, scratch):
    for arguments in ([], ["pending"], ["pending", "many"], ["nonsense", "1"], ["none", "1"]):
        assert cluster.load(*arguments, check=False).returncode == 2, arguments
    _with_old_budgets(cluster, scratch, monkeypatch)
    try:
        print(cluster.load("pending", "3").stdout)
        eventually(lambda: len(control_plane.ready_pods("load", "app=wide")) == 2, 40, "one for each of the two nodes")
        eventually(lambda: len(control_plane.pods("load", "app=wide")) == 3, 20, "and one finds no room")
        cluster.load("cpu", "2")
        eventually(lambda: len(control_plane.ready_pods("load", "app=busy")) == 2, 40, "these find room anywhere")
        assert "wide" in cluster.load("status").stdout
    finally:
        cluster.load("none")
    assert control_plane.call("GET", "/api/v1/namespaces/load/pods").json()["items"] == []


def _with_old_budgets(cluster, scratch, monkeypatch):
    """A kubectl that says what version of policy the rig's Kubernetes has where the file says policy/v1."""
    wrapper = scratch.file("kubectl", mode=0o755, text=(
        f"#!/bin/sh\ncase \" $* \" in *\" --filename=- \"*) sed s,policy/v1$,{budgets.version(cluster.plane)}, | "
        f"{cluster._kubectl} \"$@\" ;; *) exec {cluster._kubectl} \"$@\" ;; esac\n"))  # pylint: disable=protected-access
    monkeypatch.setattr(cluster, "_kubectl", wrapper)


def test_the_program_takes_its_configuration(cluster, scratch):
    text = read("compose/k3s/alertscaler.yml")
    shipped = "/etc/alertscaler/kubernetes/kubeconfig"
    assert shipped in text
    path = scratch.file("alertscaler.yml", text=text.replace(shipped, cluster.kubeconfig("alertscaler")))
    ended = run_once("check", f"--config.file={path}", f"--rules={REPOSITORY}/rules/k3s-nodes.yml", "--format=json",
                     f"--alertmanager={REPOSITORY}/alertmanager/alertmanager.yml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["errors"] == 0, ended.stdout


def test_its_pool_works_with_its_rights(cluster, node_network, start, start_alertscaler):
    """The shipped configuration, with an image that is to be had here and runs unprivileged."""
    shipped = load("compose/k3s/alertscaler.yml")
    shipped.pop("alertmanager")
    shipped["kubernetes"]["kubeconfig"] = cluster.kubeconfig("alertscaler")
    shipped["docker"] = engine_at(node_network.engine.socket_path)
    (target,) = shipped["targets"]
    pool = target["docker_nodes"]
    ours = node_network.reference(pool["name_prefix"])
    pool.update({key: ours[key] for key in ("image", "network", "env", "mounts")}, privileged=False, ulimits=None)
    target.update(up={"cooldown": "0s"}, down={"cooldown": "0s"})
    fleet = start(NodeFleet, node_network, pool["name_prefix"], start_alertscaler(json.dumps(shipped)))
    fleet.fire("up")
    fleet.expect(3)
    fleet.resolve("up")
    for count in (2, 1, 0):
        fleet.scale(count)
    assert fleet.check_clean() and {each[3] for each in fleet.steps()} == {"done"}
