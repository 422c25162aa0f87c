"""Containers that join a control plane as nodes, as k3s agents do: a real kubelet that runs no containers, in a container.

An engine and a control plane do not see each other by themselves: the one has a network of its own, the other listens
on loopback. NodeNetwork is the way between them, with the image of such a node.
"""

import contextlib
import selectors
import socket
import tarfile
import threading

from rig import images, kubernetes_programs
from rig.kubernetes import ADDRESS_FOR_CONTAINERS as ADDRESS  # that of the bridge

IMAGE = "node:test"
BROKEN_IMAGE = "broken-node:test"  # never joins, and says why
DEAD_IMAGE = "dead-node:test"  # ends at once, and says why
NETWORK = "k3s"
TOKEN_PATH = "/run/secrets/k3s_token"
WHY = "token CA hash does not match the Cluster CA certificate hash"

# As `k3s agent` is told: where the server is and how to get in by its environment, the labels by arguments, the node's
# name by the host's. A kubelet that is killed is not started again, so the container ends with it.
_JOIN = """#!/bin/sh
set -eu
labels=
while [ $# -gt 0 ]; do
  case $1 in
    agent) ;;
    --node-label) shift; labels=${labels:+$labels,}$1 ;;
    *) echo "unknown argument $1" >&2; exit 2 ;;
  esac
  shift
done
name=${K3S_NODE_NAME:-$(hostname)}
echo "level=info msg=\\"Joining $K3S_URL as $name\\""
cat >/tmp/kubeconfig <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "it",
 "clusters": [{"name": "it", "cluster": {"server": "$K3S_URL", "certificate-authority": "/etc/node/ca.pem"}}],
 "users": [{"name": "it", "user": {"token": "$(cat "$K3S_TOKEN_FILE")"}}],
 "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}
END
[ -e /dev/kmsg ] || ln -s /dev/null /dev/kmsg  # only who is privileged has one
export PATH=/nowhere AWS_EC2_METADATA_DISABLED=true  # it is not in a cloud, and should not wait to find that out
exec /bin/kubemark --morph=kubelet "--name=$name" --kubeconfig=/tmp/kubeconfig --kubelet-port=0 \\
  --kubelet-read-only-port=0 ${labels:+"--node-labels=$labels"}
"""
_FAIL = """#!/bin/sh
trap 'exit 0' TERM
while :; do
  echo 'level=error msg="%s, retrying"' >&2
  sleep 1 & wait $!
done
""" % WHY
_DIE = f"""#!/bin/sh
echo 'level=fatal msg="{WHY}"' >&2
exit 1
"""


class NodeNetwork:
    """A network of the engine, from which the API server is at `url`; the images of nodes are made.

    Ends with close(), as the nodes' connections do.
    """

    def __init__(self, scratch, engine, plane):
        self.engine = engine
        self.plane = plane
        self.token_file = scratch.file("k3s_token", text=plane.token("admin") + "\n", mode=0o600)
        self.url = f"https://{ADDRESS}:{plane.port}"
        self._import_images()
        engine.call("POST", "/networks/create", {
            "Name": NETWORK, "IPAM": {"Config": [{"Subnet": "10.89.0.0/24", "Gateway": ADDRESS}]}})
        self._way = None
        self.connect()

    def connect(self):
        """Containers reach the API server (again)."""
        with self.engine.namespaces.network():
            listening = socket.create_server((ADDRESS, self.plane.port), backlog=64)
        self._way = _Way(listening, (self.plane.host, self.plane.port))

    def disconnect(self):
        """They do not reach it any more: to the control plane their nodes are gone."""
        self._way.close()
        self._way = None

    def close(self):
        if self._way:
            self.disconnect()

    def _import_images(self):
        changes = ('ENTRYPOINT ["/bin/join"]', 'CMD ["agent"]', "ENV PATH=/bin",
                   # As the image of k3s has: each container gets volumes of its own, which have to go with it.
                   "VOLUME /var/lib/kubelet", "VOLUME /var/log")
        with open(self.plane.file("ca.pem"), encoding="utf-8") as authority:
            tar = images.busybox_tar([("bin/join", _JOIN), ("etc/node/ca.pem", authority.read())])
        _append(tar, "bin/kubemark", kubernetes_programs.program("kubemark"))
        self.engine.import_image(IMAGE, tar, changes)
        for name, text in ((BROKEN_IMAGE, _FAIL), (DEAD_IMAGE, _DIE)):
            images.import_busybox(self.engine, name, changes, [("bin/join", text)])

    # What a pool of them is configured with, and what became of it

    def reference(self, prefix="k3s-worker-", image=IMAGE, **more):
        """The key docker_nodes of a target."""
        mount = f"{self.token_file}:{TOKEN_PATH}:ro"
        return {"image": image, "name_prefix": prefix, "network": NETWORK, "command": ["agent"],
                "env": {"K3S_URL": self.url, "K3S_TOKEN_FILE": TOKEN_PATH}, "tmpfs": ["/run", "/var/run"],
                "mounts": [mount], **more}

    def run(self, name, image=IMAGE, labels=(), command=("agent",)):
        """Starts one by hand, as somebody else; its id."""
        made = self.engine.call("POST", f"/containers/create?name={name}", {
            "Image": image, "Hostname": name, "Cmd": list(command), "Labels": dict(labels),
            "Env": [f"K3S_URL={self.url}", f"K3S_TOKEN_FILE={TOKEN_PATH}"],
            "HostConfig": {"NetworkMode": NETWORK, "Binds": [f"{self.token_file}:{TOKEN_PATH}:ro"]}})
        self.engine.call("POST", f"/containers/{made['Id']}/start")
        return made["Id"]

    def containers(self, prefix="k3s-worker-"):
        """Their names and states, whatever those are."""
        found = self.engine.call("GET", "/containers/json", query={"all": True, "filters": {"name": [f"^/{prefix}"]}})
        return {each["Names"][0].lstrip("/"): each["State"] for each in found}

    def volumes(self):
        """The names of all that the engine has."""
        return {each["Name"] for each in self.engine.call("GET", "/volumes")["Volumes"] or ()}

    def nodes(self, prefix="k3s-worker-"):
        """Those of the cluster with such a name, by name."""
        found = self.plane.get("/api/v1/nodes")["items"]
        return {each["metadata"]["name"]: each for each in found if each["metadata"]["name"].startswith(prefix)}

    def ready_nodes(self, prefix="k3s-worker-"):
        """The names of those that are Ready."""
        return {name for name, node in self.nodes(prefix).items() if any(
            each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", ()))}


def _append(tar, path, program):
    with tarfile.open(fileobj=tar, mode="a") as archive:
        entry = archive.gettarinfo(program, path)
        entry.uid = entry.gid = 0
        entry.mode = 0o755
        with open(program, "rb") as data:
            archive.addfile(entry, data)
    tar.seek(0)


class _Way:
    """Carries what comes to a listening socket to an address, and back; one thread does all of it."""

    def __init__(self, listening, address):
        self._listening = listening
        self._address = address
        self._selector = selectors.DefaultSelector()
        self._other = {}
        self._waker, self._wake = socket.socketpair()
        for each in (listening, self._waker):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self):
        """Every connection is cut."""
        self._wake.send(b"x")
        self._thread.join()
        for each in (self._listening, self._waker, self._wake, *self._other):
            each.close()
        self._selector.close()

    def _carry(self):
        while True:
            for key, _events in self._selector.select():
                if key.fileobj is self._waker:
                    return
                if key.fileobj is self._listening:
                    self._accept()
                elif key.fileobj in self._other:  # else the other half of it has just ended
                    self._pass_on(key.fileobj)

    def _accept(self):
        inside, _from = self._listening.accept()
        try:
            outside = socket.create_connection(self._address, timeout=5)
        except OSError:  # the API server is away: its clients see that
            inside.close()
            return
        for one, other in ((inside, outside), (outside, inside)):
            one.settimeout(30)
            self._other[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one):
        data = b""
        with contextlib.suppress(OSError):
            data = one.recv(65536)
            self._other[one].sendall(data)
        if not data:
            other = self._other[one]
            for each in (one, other):
                self._selector.unregister(each)
                del self._other[each]
                each.close()
