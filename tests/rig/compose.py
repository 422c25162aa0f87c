"""Docker Compose, both generations, and the projects that the tests start with them."""

import functools
import os
import re
import shutil

from rig import debian
from rig.eventually import eventually
from rig.processes import run

_V2_SUITE = "trixie"


class Compose:
    """One Compose program; `generation` is 1 (docker_compose_1 names) or 2 (docker-compose-1 names)."""

    def __init__(self, generation, program):
        self.generation = generation
        self.program = program

    @property
    def separator(self):
        """What stands between the parts of a container's name."""
        return "_" if self.generation == 1 else "-"

    def version(self):
        return run([self.program, "version", "--short"]).stdout.strip()


def v1():
    """Compose v1, which only Debian 12 and its like have; None where there is none."""
    program = shutil.which("docker-compose")
    return Compose(1, program) if program and _major(program) == 1 else None


def v2():
    """Compose v2: that of the engine's release ($ALERTSCALER_ENGINE), the machine's, or else that of Debian 13."""
    release = os.environ.get("ALERTSCALER_ENGINE")
    program = None if release else shutil.which("docker-compose")
    if program and _major(program) >= 2:
        return Compose(2, program)
    folder = debian.programs(release or _V2_SUITE, ["docker-compose"], ["docker-compose"])
    return Compose(2, os.path.join(folder, "docker-compose"))


@functools.cache
def _major(program):
    told = run([program, "version", "--short"]).stdout
    return int(re.match(r"v?(\d+)", told).group(1))


class Project:
    """A Compose project in a directory of its own, on one engine; any generation of Compose may be used on it."""

    def __init__(self, engine, scratch, name, text):
        self.engine = engine
        self.name = name
        self.directory = scratch.directory(name)
        self.file = scratch.file(name, "compose.yaml", text=text)

    def write(self, text):
        """Changes the project's file; nothing happens before the next up()."""
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(text)

    def run(self, compose, *arguments, check=True, seconds=120):
        """Runs that Compose with those arguments for this project."""
        return run([compose.program, "--project-name", self.name, "--file", self.file, *arguments], seconds, check,
                   env=self.engine.environment(), cwd=self.directory)

    def up(self, compose, *arguments, scale=None):
        """up --detach; `scale` is a count for each service that is to have one."""
        counts = [f"--scale={service}={count}" for service, count in (scale or {}).items()]
        return self.run(compose, "up", "--detach", *counts, *arguments)

    def down(self, compose, *arguments):
        return self.run(compose, "down", *arguments)

    def listed(self, compose, *services):
        """The ids of the containers that this Compose says are its own and run."""
        return set(self.run(compose, "ps", "--quiet", *services).stdout.split())

    def wait_healthy(self, service):
        """For services with a health check."""
        eventually(lambda: all("(healthy)" in replica.status for replica in self.replicas(service)), 60,
                   f"every replica of {service} is healthy")

    def replicas(self, service):
        return self.engine.replicas(self.name, service)

    def names(self, service):
        return [replica.name for replica in self.replicas(service)]

    def leftovers(self):
        """Everything that carries the project's label: containers, networks and volumes."""
        label = {"label": [f"com.docker.compose.project={self.name}"]}
        containers = self.engine.call("GET", "/containers/json", query={"all": True, "filters": label})
        networks = self.engine.call("GET", "/networks", query={"filters": label})
        volumes = self.engine.call("GET", "/volumes", query={"filters": label})["Volumes"] or []
        return sorted([each["Names"][0].lstrip("/") for each in containers] + [each["Name"] for each in networks] +
                      [each["Name"] for each in volumes])

    def remove(self):
        """Takes everything of the project away, quickly and without Compose."""
        for container in self.engine.containers(f"com.docker.compose.project={self.name}"):
            self.engine.remove(container["Id"])
        label = {"label": [f"com.docker.compose.project={self.name}"]}
        for network in self.engine.call("GET", "/networks", query={"filters": label}):
            self.engine.call("DELETE", f"/networks/{network['Id']}")
        for volume in self.engine.call("GET", "/volumes", query={"filters": label})["Volumes"] or []:
            self.engine.call("DELETE", f"/volumes/{volume['Name']}")
