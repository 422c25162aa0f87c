"""The shipped stack, deployed as its first lines say: alertscaler behind the socket proxy scales a service of the stack.

Its images are made of this machine's programs, as no registry is asked.
"""

import json
import os
import shutil

from rig import images
from rig.alertscaler import binary
from rig.eventually import eventually
from rig.notifications import alert, notification
from rig.swarm import Service, Swarm

_COMPOSE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "compose")
_SERVE = ["serve", "--config.file=/etc/alertscaler/alertscaler.yml", "--web.config.file=/etc/alertscaler/web-config.yml",
          "--web.listen-address=0.0.0.0:9095", "--storage.path=/var/lib/alertscaler"]


def test_the_stack(own_engine, scratch):
    swarm = Swarm(own_engine())
    engine = swarm.engine
    images.import_program(engine, "alertscaler:local", binary(),
                          ('ENTRYPOINT ["/usr/local/bin/alertscaler"]', f"CMD {json.dumps(_SERVE)}"))
    images.import_program(engine, "haproxy:3.2-alpine", shutil.which("haproxy", path="/usr/sbin:/usr/bin"))
    images.import_busybox(engine, "nginx:alpine", ('CMD ["sh", "-c", "trap \\"exit 0\\" TERM; while :; do sleep 1; done"]',))
    for file in ("swarm/alertscaler.yml", "alertscaler/web-config.yml", "socket-proxy/haproxy-swarm.cfg"):
        with open(os.path.join(_COMPOSE, file), encoding="utf-8") as text:
            scratch.file("compose", file, text=text.read())
    with open(os.path.join(_COMPOSE, "swarm.yaml"), encoding="utf-8") as text:
        ours = f"{engine.socket_path}:/var/run/docker.sock"  # where this engine has its socket
        stack = scratch.file("compose", "swarm.yaml", text=text.read().replace("/var/run/docker.sock:/var/run/docker.sock", ours))
    engine.cli("secret", "create", "alertscaler_token", scratch.file("token", text="s3cret\n"))
    engine.cli("stack", "deploy", "-c", stack, "scaling")
    web = Service(swarm, "scaling_web")
    web.wait_running(2)
    for other in ("scaling_alertscaler", "scaling_socket-proxy"):
        Service(swarm, other).wait_running(1)

    # From the network that Alertmanager would join; the ingress needs what a kernel for tests may not have.
    asker = engine.cli("run", "--detach", "--network", "scaling_alerts", "nginx:alpine").stdout.strip()
    where = "http://tasks.alertscaler:9095"

    def get(path):
        text, status = engine.exec(asker, ["wget", "-qO-", "--header=Authorization: Bearer s3cret", f"{where}{path}"])
        assert status == 0, text
        return json.loads(text)["data"]

    def shows(key, count):
        target = get("/api/v1/targets/web")
        assert target[key] == count, target["error"]
        return True

    eventually(lambda: shows("observed", 2), 60, "alertscaler sees the service")
    body = json.dumps(notification(alert("web", "up")))
    text, status = engine.exec(asker, ["wget", "-qO-", "--header=Authorization: Bearer s3cret", f"--post-data={body}",
                                       f"{where}/webhook"])
    assert status == 0, text
    eventually(lambda: len(web.running()) == 4, 60, "it is scaled")
    eventually(lambda: shows("ready", 4), 30, "and known to be")
    text, status = engine.exec(asker, ["wget", "-qO-", f"{where}/api/v1/targets"])
    assert status != 0, "not without the token"
