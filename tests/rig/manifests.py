"""What k8s/ comes to: kustomizations rendered with a kubectl that knows components, and looked into."""

import os

import yaml

from rig import debian
from rig.processes import run

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
K8S = os.path.join(REPOSITORY, "k8s")
OVERLAYS = sorted(os.listdir(os.path.join(K8S, "overlays")))
COMPONENTS = sorted(os.listdir(os.path.join(K8S, "components")))
NAMESPACE = "alertscaler"

# What newer API servers want, and the form of it that Kubernetes 1.20 has: the fields that are used are the same.
_OLDER = {"autoscaling/v2": "autoscaling/v2beta2", "policy/v1": "policy/v1beta1"}
_CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "CustomResourceDefinition"}
_NAMESPACE_TRANSFORMER = os.path.join(K8S, "overlays/dev/namespace.yaml")


def kubectl():
    """Debian 13's: Debian 12's has a kustomize without components."""
    return os.path.join(debian.programs("trixie", ["kubectl"], ["kubectl"]), "kubectl")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Takes a plain = for text, as YAML 1.2 and Kubernetes do."""


_Loader.add_constructor("tag:yaml.org,2002:value", yaml.SafeLoader.construct_yaml_str)


class Manifests:
    """The objects that a kustomization comes to."""

    def __init__(self, text):
        self.text = text
        self.objects = [each for each in yaml.load_all(text, _Loader) if each]

    def of(self, kind, name=None):
        return [each for each in self.objects
                if each["kind"] == kind and name in (None, each["metadata"]["name"])]

    def one(self, kind, name):
        (found,) = self.of(kind, name)
        return found

    def namespaced(self):
        return [each for each in self.objects if each["kind"] not in _CLUSTER_SCOPED]

    def pod_templates(self):
        """(object, its pod template) of everything that makes pods."""
        return [(each, each["spec"]["template"]) for each in self.objects
                if each["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job")]


def as_known_to(plane, objects):
    """These objects, in the versions that the control plane serves."""
    groups = plane.get("/apis")["groups"]
    known = {"v1", *(each["groupVersion"] for group in groups for each in group["versions"])}
    return [each if each["apiVersion"] in known else {**each, "apiVersion": _OLDER[each["apiVersion"]]}
            for each in objects]


def render(folder):
    return Manifests(run([kubectl(), "kustomize", folder]).stdout)


def overlay(name):
    return render(os.path.join(K8S, "overlays", name))


def base_with(scratch, *components):
    """base, with these components and nothing else, as the smallest overlay has it."""
    place = scratch.directory("overlay-" + "-".join(components or ["none"]))
    transformer = os.path.join(place, "namespace.yaml")
    with open(_NAMESPACE_TRANSFORMER, encoding="utf-8") as source, open(transformer, "w", encoding="utf-8") as copy:
        copy.write(source.read())

    def path(*parts):
        return os.path.relpath(os.path.join(K8S, *parts), os.path.realpath(place))

    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": [path("base")], "components": [path("components", each) for each in components],
        "transformers": ["namespace.yaml"]}
    with open(os.path.join(place, "kustomization.yaml"), "w", encoding="utf-8") as out:
        yaml.safe_dump(kustomization, out)
    return render(place)
