"""Configurations of the program, as data: JSON is YAML, too. Cooldowns are zero unless a test says otherwise."""

import json

_QUICK = {"min": 1, "max": 10, "up": {"cooldown": "0s"}, "down": {"cooldown": "0s"}, "timeout": "40s"}


def settings(*targets, **top):
    """The text of alertscaler.yml."""
    return json.dumps({**top, "targets": list(targets)}, indent=1)


def engine_at(path):
    """The `docker` key for an engine at that Unix socket."""
    return {"host": f"unix://{path}"}


def compose_target(project, service="web", name=None, docker_compose=(), **policy):
    """`docker_compose` is more for that key."""
    reference = {"project": project, "service": service, **dict(docker_compose)}
    return {"name": name or service, "docker_compose": reference, **_QUICK, **policy}


def kubernetes_target(namespace, name, kind="Deployment", **policy):
    """`kind` may also be Pool, the custom resource of kubernetes_objects."""
    reference = {"namespace": namespace, "kind": kind, "name": name}
    if kind == "Pool":
        reference["apiVersion"] = "example.io/v1"
    return {"name": name, "kubernetes": reference, **_QUICK, "timeout": "2m", **policy}


def swarm_target(service, name=None, **policy):
    return {"name": name or service, "docker_swarm": {"service": service}, **_QUICK, **policy}


def simulated_target(name="web", replicas=2, startup_delay="0s", **policy):
    return {"name": name, "simulated": {"replicas": replicas, "startup_delay": startup_delay}, **_QUICK, **policy}
