"""k8s/: every overlay and component renders, is safe by itself, and fits the program and the files that are shipped."""

import os
import re
import shutil
import urllib.parse

import pytest
import yaml

from rig import Scratch, crds, manifests
from rig.alertscaler import Alertscaler, run_once
from rig.eventually import eventually
from rig.manifests import COMPONENTS, NAMESPACE, OVERLAYS, REPOSITORY
from rig.processes import run

TOKEN = "a-token-of-the-tests"
VARIANTS = [*OVERLAYS, "base", *(f"base+{name}" for name in COMPONENTS), "base+" + "+".join(COMPONENTS)]
SHIPPED_ALERTMANAGER = os.path.join(REPOSITORY, "alertmanager/alertmanager.yml")


@pytest.fixture(scope="module", params=VARIANTS)
def rendered(request):
    """Each in turn, for all the tests that only look at it."""
    first, *components = request.param.split("+")
    with Scratch("rendered") as place:
        return manifests.overlay(first) if first != "base" else manifests.base_with(place, *components)


def load(path):
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as text:
        return yaml.safe_load(text)


def subjects(rendered):
    return [subject for each in rendered.of("RoleBinding") + rendered.of("ClusterRoleBinding")
            for subject in each["subjects"]]


def test_everything_is_in_a_namespace_and_every_right_is_the_programs(rendered):
    nowhere = [each["metadata"]["name"] for each in rendered.namespaced() if not each["metadata"].get("namespace")]
    assert nowhere == []
    for subject in subjects(rendered):
        assert subject == {"kind": "ServiceAccount", "name": "alertscaler", "namespace": NAMESPACE}
    granted = {(each["kind"], each["metadata"]["name"]) for each in rendered.of("Role") + rendered.of("ClusterRole")}
    for binding in rendered.of("RoleBinding") + rendered.of("ClusterRoleBinding"):
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in granted, binding


def test_no_right_is_wider_than_it_must_be(rendered):
    for role in rendered.of("Role") + rendered.of("ClusterRole"):
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], rule
            assert not {"secrets", "configmaps", "pods/exec"} & set(rule["resources"]), rule
            assert not {"delete", "deletecollection", "escalate", "bind", "impersonate"} & set(rule["verbs"]), rule


def test_pods_are_restricted(rendered):
    """What Pod Security calls restricted, and a read-only root besides."""
    assert rendered.one("Namespace", NAMESPACE)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for owner, template in rendered.pod_templates():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, owner
        assert spec["securityContext"]["runAsUser"] > 0, owner
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), owner
        for volume in spec.get("volumes", []):
            assert set(volume) <= {"name", "projected", "emptyDir", "configMap", "secret"}, volume
        for container in spec["containers"]:
            allowed = container["securityContext"]
            assert allowed == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                               "readOnlyRootFilesystem": True}, owner
            assert not any("hostPort" in port for port in container.get("ports", [])), owner


def test_dev_is_small_and_talks_much():
    rendered = manifests.overlay("dev")
    spec = rendered.one("StatefulSet", "alertscaler")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    (rather,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = spec["template"]["metadata"]["labels"].items()
    assert spec["replicas"] == 1
    assert "--log.level=debug" in container["args"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" not in pod["affinity"]["podAntiAffinity"]
    assert rather["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert rather["podAffinityTerm"]["labelSelector"]["matchLabels"].items() <= labels, "it is its own that it avoids"
    assert container["image"] == "alertscaler:local"
    assert "priorityClassName" not in pod


def test_prod_has_room_and_a_rank():
    rendered = manifests.overlay("prod")
    spec = rendered.one("StatefulSet", "alertscaler")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    (never,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    labels = spec["template"]["metadata"]["labels"].items()
    assert spec["replicas"] == 1
    assert container["resources"] == {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    assert never["topologyKey"] == "kubernetes.io/hostname"
    assert never["labelSelector"]["matchLabels"].items() <= labels, "it is its own that it avoids"
    assert 0 < rendered.one("PriorityClass", pod["priorityClassName"])["value"] < 2000000000, "below the system's own"
    assert not any(each.startswith("--log.level") for each in container["args"])
    assert rendered.of("PodDisruptionBudget") == [], "it would block every drain of its node"


def test_what_has_replicas_has_a_budget(scratch):
    rendered = manifests.base_with(scratch, "hpa")
    scaled = rendered.one("HorizontalPodAutoscaler", "agents")["spec"]["scaleTargetRef"]["name"]
    budget = rendered.one("PodDisruptionBudget", scaled)["spec"]
    assert budget["maxUnavailable"] == "10%"
    assert budget["selector"] == {"matchLabels": {"app.kubernetes.io/name": scaled}}


def test_what_is_named_is_there(rendered):
    """Selectors select, ports are open, and what pods mount is rendered, or is the Secret that is made by hand."""
    for service in rendered.of("Service"):
        (template,) = [template for owner, template in rendered.pod_templates()
                       if service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
                       and owner["metadata"]["namespace"] == service["metadata"]["namespace"]]
        open_ports = [port["name"] for each in template["spec"]["containers"] for port in each["ports"]]
        assert [port["targetPort"] for port in service["spec"]["ports"]] == open_ports
    for monitor in rendered.of("ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [each for each in rendered.of("Service") if wanted <= each["metadata"]["labels"].items()]
        assert [each["port"] for each in monitor["spec"]["endpoints"]] == [
            each["name"] for each in service["spec"]["ports"]]
    for owner, template in rendered.pod_templates():
        for source in [each for volume in template["spec"].get("volumes", []) for each in volume["projected"]["sources"]]:
            if "configMap" in source:
                config_map = rendered.one("ConfigMap", source["configMap"]["name"])
                assert config_map["metadata"]["namespace"] == owner["metadata"]["namespace"]
            else:
                assert source["secret"]["name"] == "alertscaler-token"
    for policy in rendered.of("NetworkPolicy"):
        for peer in [peer for rule in policy["spec"].get("ingress", []) for peer in rule["from"]]:
            assert "podSelector" in peer, "a namespace alone would let in all of its pods"


def test_the_configuration_fits_the_program_the_rules_and_alertmanager(rendered, scratch):
    config = rendered.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"]
    arguments = [f"--config.file={scratch.file('alertscaler.yml', text=config)}", "--web.listen-address=:9095",
                 f"--alertmanager={SHIPPED_ALERTMANAGER}"]
    if "name: web" in config:
        arguments.append(f"--rules={REPOSITORY}/rules/web.yml")
    ended = run_once("check", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_rules_are_those_of_the_folder_rules(scratch):
    """k8s/generate, run in a copy, changes nothing; and promtool takes what comes out."""
    copy = scratch.directory("copy")
    for name in ("k8s", "rules"):
        shutil.copytree(os.path.join(REPOSITORY, name), os.path.join(copy, name))
    made = "k8s/components/prometheus-operator/rules"
    before = {name: read(f"{copy}/{made}/{name}") for name in os.listdir(f"{copy}/{made}")}
    assert before
    run([f"{copy}/k8s/generate"])
    assert {name: read(f"{copy}/{made}/{name}") for name in os.listdir(f"{copy}/{made}")} == before
    rendered = manifests.base_with(scratch, "prometheus-operator")
    assert len(rendered.of("PrometheusRule")) == len(before)
    for rule in rendered.of("PrometheusRule"):
        name = rule["metadata"]["name"].removeprefix("alertscaler-")
        assert rule["spec"] == load(f"rules/{name}.yml")
        groups = scratch.file(f"{name}.yml", text=yaml.safe_dump({"groups": rule["spec"]["groups"]}))
        run(["promtool", "check", "rules", groups])


@pytest.fixture(scope="session")
def plane_with_kinds(control_plane):
    """A control plane that knows what k8s/ is made of, with the namespaces that objects are put into."""
    for name, source in crds.install(control_plane).items():
        print(f"{name}: {source}")
    for name in (NAMESPACE, "shop"):
        control_plane.make_namespace(name)
    return control_plane


def test_a_real_api_server_accepts_it(rendered, plane_with_kinds, scratch):
    """Server-side apply refuses unknown fields, too; dry-run stores nothing."""
    plane = plane_with_kinds
    objects = manifests.as_known_to(plane, rendered.objects)
    path = scratch.file("all.yaml", text=yaml.safe_dump_all(objects))
    told = plane.kubectl("apply", "--server-side", "--dry-run=server", "--filename", path)
    assert len(told.splitlines()) == len(objects), told


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def test_alertmanager_gets_the_configuration_that_is_shipped(scratch):
    rendered = manifests.base_with(scratch, "alertmanager")
    (config,) = [each for each in rendered.of("ConfigMap") if each["metadata"]["name"].startswith("alertmanager-")]
    assert config["data"] == {"alertmanager.yml": read(SHIPPED_ALERTMANAGER)}
    path = scratch.file("alertmanager.yml", text=config["data"]["alertmanager.yml"])
    run(["amtool", "check-config", path])
    (webhook,) = next(each for each in load(path)["receivers"] if each["name"] == "alertscaler")["webhook_configs"]
    service = rendered.one("Service", "alertscaler")
    assert webhook["url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/webhook"
    (container,) = rendered.one("StatefulSet", "alertmanager")["spec"]["template"]["spec"]["containers"]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert os.path.dirname(webhook["http_config"]["authorization"]["credentials_file"]) in mounted


def snake_case(value):
    """As alertmanager.yml writes what an AlertmanagerConfig writes in camelCase."""
    if isinstance(value, dict):
        return {re.sub("([A-Z])", lambda found: "_" + found.group(1).lower(), key): snake_case(each)
                for key, each in value.items()}
    return [snake_case(each) for each in value] if isinstance(value, list) else value


def matchers_of(listed):
    return [f'{each["name"]}{each["matchType"]}"{each["value"]}"' for each in listed]


def test_the_operators_routes_are_those_that_are_shipped(scratch):
    configs = manifests.base_with(scratch, "prometheus-operator").of("AlertmanagerConfig")
    shipped = load("alertmanager/alertmanager.yml")
    (ours,) = [each for each in shipped["receivers"] if each["name"] == "alertscaler"]
    routes = [each for each in shipped["route"]["routes"] if each["receiver"] == "alertscaler"]
    assert len(configs) == len(routes)
    for spec, route in zip([each["spec"] for each in configs], routes):
        # An empty value does not survive every API server, so the operator's is another form of the same.
        matchers = [each.replace('=~".+"', '!=""') for each in matchers_of(spec["route"]["matchers"])]
        assert {**snake_case(spec["route"]), "matchers": matchers} == route
        (receiver,) = spec["receivers"]
        (webhook,) = snake_case(receiver["webhookConfigs"])
        (shipped_webhook,) = ours["webhook_configs"]
        assert (webhook["send_resolved"], webhook["max_alerts"]) == (
            shipped_webhook["send_resolved"], shipped_webhook["max_alerts"])
    (inhibit,) = configs[0]["spec"]["inhibitRules"]
    assert {"source_matchers": matchers_of(inhibit["sourceMatch"]), "target_matchers": matchers_of(inhibit["targetMatch"]),
            "equal": inhibit["equal"]} == shipped["inhibit_rules"][0]


def test_the_counts_that_autoscalers_consume_are_of_a_target_that_base_has(scratch, start):
    rendered = manifests.base_with(scratch, "hpa", "keda")
    config = rendered.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"]
    (target,) = yaml.safe_load(config)["targets"]
    assert target["advisory"] == {}
    hpa = rendered.one("HorizontalPodAutoscaler", "agents")["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (target["min"], target["max"]) == (1, 300)
    (external,) = [each["external"]["metric"] for each in hpa["metrics"] if each["type"] == "External"]
    assert external == {"name": "alertscaler_target_desired_replicas",
                        "selector": {"matchLabels": {"target": target["name"]}}}
    scaled = rendered.one("ScaledObject", "agents")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (target["min"], target["max"])
    trigger = scaled["triggers"][0]["metadata"]
    url = urllib.parse.urlsplit(trigger["url"])
    service = rendered.one("Service", "alertscaler")
    assert url.netloc == f"{service['metadata']['name']}.{NAMESPACE}.svc:{service['spec']['ports'][0]['port']}"
    # As the trigger asks for it.
    token = scratch.file("web-config.yml", text=f"bearer_token_file: {scratch.file('tokens', text=TOKEN)}\n")
    app = start(Alertscaler, scratch, config, options=[f"--web.config.file={token}"])
    assert trigger["authMode"] == "bearer" and app.request(url.path).status == 401
    value = app.request(url.path, headers={"Authorization": f"Bearer {TOKEN}"}).json()
    for key in trigger["valueLocation"].split("."):
        value = value[key]
    assert value == target["min"]


def test_each_step_of_the_counts_that_autoscalers_consume_is_more_than_an_hpa_tolerates(rendered):
    config = rendered.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"]
    (target,) = [each for each in yaml.safe_load(config)["targets"] if "advisory" in each]
    for way in ("up", "down"):
        assert int(re.fullmatch(r"(\d+)%", target[way]["step"]).group(1)) > 10, target


class Mounted:
    """The projected volume of the pod, as the kubelet makes it: files are links into a folder that is swapped."""

    def __init__(self, path, files):
        self.path = path
        self._numbers = iter(range(1000))
        self.put(files)
        for name in files:
            os.symlink(f"..data/{name}", f"{path}/{name}")

    def put(self, files):
        place = f"..{next(self._numbers)}"
        os.mkdir(f"{self.path}/{place}")
        for name, text in files.items():
            with open(f"{self.path}/{place}/{name}", "w", encoding="utf-8") as out:
                out.write(text)
        os.symlink(place, f"{self.path}/..new")
        os.replace(f"{self.path}/..new", f"{self.path}/..data")


def target_names(app, token):
    answer = app.request("/api/v1/targets", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200, answer
    return [each["name"] for each in answer.json()["data"]]


def test_the_pods_command_line_runs_and_follows_its_config_map_and_its_secret(scratch, start):
    rendered = manifests.base_with(scratch)
    files = {**rendered.one("ConfigMap", "alertscaler")["data"], "token": TOKEN, "tokens": TOKEN}
    template = rendered.one("StatefulSet", "alertscaler")["spec"]["template"]["spec"]
    (container,) = template["containers"]
    config, data = (each["mountPath"] for each in container["volumeMounts"])
    etc = scratch.directory("etc")
    files["web-config.yml"] = files["web-config.yml"].replace(config, etc)
    mounted = Mounted(etc, files)
    arguments = [each.replace(config, etc) for each in container["args"]]
    assert arguments[0] == "serve" and f"--storage.path={data}" in arguments
    assert "--web.listen-address=:9095" in arguments
    # The rig chooses storage and port.
    own = [each for each in arguments[1:] if not re.match("--(storage|web.listen|config.file)", each)]
    app = start(Alertscaler, scratch, "", options=own, config_file=f"{etc}/alertscaler.yml")
    for probe in ("livenessProbe", "readinessProbe"):
        assert app.request(container[probe]["httpGet"]["path"]).status == 200
    assert app.request("/api/v1/targets").status == 401
    assert target_names(app, TOKEN) == ["agents"]
    mounted.put({**files, "alertscaler.yml": "targets: [{name: other, advisory: {}}]", "tokens": f"{TOKEN}\nnew"})
    eventually(lambda: target_names(app, "new") == ["other"], 30, "the new ConfigMap and the new token are in force")
    assert target_names(app, TOKEN) == ["other"]
