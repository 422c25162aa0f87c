"""A tiny web service for Compose projects, whose health and crashes a test turns on and off while it runs."""

import json
import os

from rig import images

IMAGE = "web:test"

# Ends at once on SIGTERM. /state is shared by all replicas and the test; a file in it is a switch that is on.
_SERVE = """#!/bin/sh
trap 'exit 0' TERM INT
[ -e /state/crash-new ] && exit 3
[ -e /state/unhealthy-new ] && touch /tmp/unhealthy
httpd -p 8080 -h /www
while [ ! -e /state/crash ]; do sleep 0.2 & wait $!; done
exit 3
"""
_HEALTHY = """#!/bin/sh
[ -e /state/unhealthy ] || [ -e /tmp/unhealthy ] && exit 1
while [ -e /state/slow ] && [ ! -e /tmp/was-healthy ]; do sleep 0.2; done
touch /tmp/was-healthy
exec wget -q -O /dev/null http://127.0.0.1:8080/cgi-bin/who
"""
_WHO = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' \"$(hostname)\"\n"


class WebApp:
    """The image `web:test` and the switches of the services that use it."""

    def __init__(self, engine, scratch):
        self._engine = engine
        self._state = scratch.directory("web-state")
        self.import_image()

    def import_image(self, version="1"):
        """Makes the image; another version moves the tag to another image, as a build does."""
        images.import_busybox(self._engine, IMAGE, ("CMD /serve", "EXPOSE 8080"), (
            ("serve", _SERVE), ("healthy", _HEALTHY), ("www/cgi-bin/who", _WHO), ("www/version", version + "\n")))

    def service(self, healthcheck=True, restart="always", volumes=(), retries=2):
        """The lines of the service for a compose file, to stand below `services: NAME:` with four blanks.

        `retries` is how many bad health checks in a row make a replica unhealthy.
        """
        mounts = json.dumps([f"{self._state}:/state:ro", *volumes])
        lines = [f"image: {IMAGE}", f"restart: \"{restart}\"", f"volumes: {mounts}"]
        if healthcheck:
            lines.append(f'healthcheck: {{test: ["CMD", "/healthy"], interval: 1s, timeout: 5s, retries: {retries}}}')
        return "".join(f"    {line}\n" for line in lines)

    def compose_file(self, name="web", extra="", **options):
        """A whole compose file with this one service; `extra` are more lines of it."""
        return f"services:\n  {name}:\n{self.service(**options)}{extra}"

    def turn(self, switch, on):
        """Turns a switch on or off.

        crash: every running container ends with status 3 (and is restarted, to end again); crash-new: only those that
        start from now on do. unhealthy and unhealthy-new likewise, for the answer of the health check. slow: a
        container that was not healthy yet stays `starting`, until its health check has timed out as often as it may
        (twice: 11 s).
        """
        path = os.path.join(self._state, switch)
        if on:
            with open(path, "w", encoding="utf-8"):
                pass
        elif os.path.exists(path):
            os.remove(path)
