"""A real Kubernetes control plane with nodes whose kubelets are real and run no containers.

Several run at once: each has a loopback address of its own, where every port is free. Nothing of the machine is
touched, and everything ends with the test, even on kill -9.
"""

import base64
import itertools
import json
import os
import re
import signal
import ssl
import urllib.parse

from rig import certificates, http_json, kubernetes_programs
from rig.eventually import eventually
from rig.processes import Process, run

_numbers = itertools.count()
_files = itertools.count()

# What may call the API with a token, and as whom. Rights beyond those of every user come from RBAC objects.
USERS = {"admin": "system:masters", "user": "", "other": ""}

# Containers of an engine may be given a way to the API server at this address (node_containers.py).
ADDRESS_FOR_CONTAINERS = "10.89.0.1"

MERGE_PATCH = "application/merge-patch+json"


class ControlPlane:
    """Starts at once, with nodes of these names, and is ready when the constructor returns.

    `api` and `controllers` are more options for kube-apiserver and kube-controller-manager.
    """

    def __init__(self, scratch, nodes=("node-1", "node-2"), api=(), controllers=()):
        self._scratch = scratch
        pid, number = os.getpid(), next(_numbers)
        self.host = f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) % 256}.{pid % 256}"
        self.port = 6443 + number
        self._etcd = f"http://{self.host}:{20000 + 2 * number}"
        self._etcd_peer = f"http://{self.host}:{20001 + 2 * number}"
        self._options = {"api": list(api), "controllers": list(controllers)}
        self._processes = {}
        self._issue()
        try:
            self._start_etcd()
            self.start_api()
            self._start_controllers()
            for name in nodes:
                self.add_node(name, ready=False)
            self.wait_nodes_ready(*nodes)
        except BaseException:
            self.close()
            raise

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    @property
    def certificates(self):
        """The directory of certificates.py: its authority (ca.pem) is that of the server and of client certificates.

        cert.pem and key.pem are a client certificate of "admin".
        """
        return self._scratch.directory("certificates")

    def file(self, name):
        """A certificate or key of certificates.py, such as "ca.pem"."""
        return os.path.join(self.certificates, name)

    def close(self):
        """Ends everything at once; the scratch directory can go afterwards."""
        for process in reversed(list(self._processes.values())):
            process.kill()
        self._processes.clear()

    # The API server

    def start_api(self):
        """Starts it (again) on its port and on what it had stored; returns when it is ready."""
        address = ["--bind-address", self.host, "--secure-port", str(self.port), "--endpoint-reconciler-type=none"]
        trust = ["--client-ca-file", self.file("ca.pem"), "--tls-cert-file", self.file("server-cert.pem"),
                 "--tls-private-key-file", self.file("server-key.pem"),
                 "--token-auth-file", self._scratch.file("tokens.csv"),
                 "--service-account-key-file", self.file("accounts-key.pem"),
                 "--service-account-signing-key-file", self.file("accounts-key.pem"),
                 "--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"]
        self._run("kube-apiserver", *address, *trust, "--etcd-servers", self._etcd,
                  "--cert-dir", self._scratch.directory("api"), "--service-cluster-ip-range=10.96.0.0/24",
                  # Nothing runs in the pods, and no controller makes the tokens of 1.20 for them.
                  "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true", *self._options["api"])
        self._wait("kube-apiserver", lambda: self.call("GET", "/readyz").text == "ok")

    def stop_api(self):
        """As it goes when its machine is shut down: it takes no more connections, then the open ones are cut."""
        server = self._processes["kube-apiserver"]
        logged = os.path.getsize(server.log_path)
        server.signal(signal.SIGTERM)
        server.wait_for_log("Stopped listening on", 30, logged)
        server.kill()

    def kill_api(self):
        """kill -9."""
        self._processes["kube-apiserver"].kill()

    def stall_store(self):
        """etcd does nothing until resume_store(): the API server takes requests, and hardly answers any."""
        self._processes["etcd"].signal(signal.SIGSTOP)

    def resume_store(self):
        self._processes["etcd"].signal(signal.SIGCONT)

    def api_running(self):
        return self._processes["kube-apiserver"].running()

    def call(self, method, path, body=None, user="admin", content_type="application/json", token=None, seconds=30,
             server=None):
        """One request as that user (or with that token; user=None: without any); the Answer, whatever its status.

        `server` is another URL, such as that of ApiTrouble.
        """
        headers = {"Content-Type": content_type}
        if token or user:
            headers["Authorization"] = f"Bearer {token or self.token(user)}"
        return http_json.request((server or self.url) + path, method, body, headers, seconds, self._tls())

    def get(self, path, **options):
        """The object (or list) at that path; any status but 200 fails the test."""
        return _decoded(f"GET {path}", self.call("GET", path, **options))

    def post(self, path, body, **options):
        return _decoded(f"POST {path}", self.call("POST", path, body, **options))

    def patch(self, path, body, **options):
        """A merge patch."""
        return _decoded(f"PATCH {path}", self.call("PATCH", path, body, content_type=MERGE_PATCH, **options))

    def delete(self, path):
        """No matter if it is gone already."""
        answer = self.call("DELETE", path)
        assert answer.status in (200, 202, 404), f"DELETE {path}: {answer.status} {answer.text}"

    # Who may use it

    def token(self, user):
        assert user in USERS, f"there is no user {user!r}, only {', '.join(USERS)}"
        return f"token-of-{user}"

    def service_account_token(self, namespace, name, seconds=3600):
        """A token of a service account that exists. It stops being valid when the account is deleted."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"expirationSeconds": seconds}}
        return self.post(path, request)["status"]["token"]

    def may(self, who, verb, resource, group="", namespace="", name=""):
        """Is that user, or the account "namespace:name", allowed to? Of a role the API server hears a moment later.

        `resource` with its subresource: "deployments/scale".
        """
        resource, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource,
                      "namespace": namespace, "name": name}
        user = f"system:serviceaccount:{who}" if ":" in who else who
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                  "spec": {"user": user, "resourceAttributes": attributes}}
        return self.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]

    def kubeconfig(self, user="admin", token=None, token_file=None, server=None, namespace=None, name=None):
        """The path of a kubeconfig for that user, or for a token, in a file or as it is.

        `server` is another URL, such as that of ApiTrouble; a kubeconfig of the same `name` is replaced.
        """
        name = name or f"{user}{'' if server is None else '-' + server.rsplit(':', 1)[1]}"
        account = {"tokenFile": token_file} if token_file else {"token": token or self.token(user)}
        context = {"cluster": "test", "user": name, **({"namespace": namespace} if namespace else {})}
        cluster = {"server": server or self.url, "certificate-authority": self.file("ca.pem")}
        text = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": name, "user": account}], "contexts": [{"name": "test", "context": context}]}
        return self._scratch.file("kubeconfigs", name, text=json.dumps(text), mode=0o600)

    def service_account_kubeconfig(self, namespace, name, **options):
        token = self.service_account_token(namespace, name)
        return self.kubeconfig(token=token, namespace=namespace, name=f"{namespace}-{name}", **options)

    # kubectl and objects

    def kubectl(self, *arguments, user="admin", seconds=60, check=True, kubeconfig=None):
        """Runs kubectl; what it printed."""
        done = run([kubernetes_programs.program("kubectl"), *arguments], seconds, check, env={
            "KUBECONFIG": kubeconfig or self.kubeconfig(user), "HOME": self._scratch.directory("home")})
        return done.stdout if check else done

    def apply(self, *objects, namespace=None):
        """kubectl apply of these objects: dicts, or YAML text of one or more."""
        for each in objects:
            text = each if isinstance(each, str) else json.dumps(each)
            path = self._scratch.file("applied", f"{next(_files)}.yaml", text=text)
            self.kubectl("apply", *(["--namespace", namespace] if namespace else []), "--filename", path)

    def make_namespace(self, name):
        self.post("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def pods(self, namespace, selector=""):
        """The pods that are not being deleted, by name."""
        query = urllib.parse.urlencode({"labelSelector": selector})
        found = self.get(f"/api/v1/namespaces/{namespace}/pods?{query}")["items"]
        return {each["metadata"]["name"]: each for each in found if "deletionTimestamp" not in each["metadata"]}

    def ready_pods(self, namespace, selector=""):
        """Those of them that are ready."""
        return {name: pod for name, pod in self.pods(namespace, selector).items() if _true(pod, "Ready")}

    # Nodes

    def add_node(self, name, labels=None, taints=(), ready=True):
        """Starts a kubelet that registers that node. `taints` as "key=value:NoSchedule"."""
        home = self._scratch.directory("nodes", name)
        options = [f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}"] if labels else []
        options += [f"--register-with-taints={','.join(taints)}"] if taints else []
        # Port 0 is any that is free; nobody connects to it.
        self._run("kubemark", "--morph=kubelet", "--name", name, "--kubeconfig", self.kubeconfig(),
                  "--kubelet-port=0", "--kubelet-read-only-port=0", *options, name=name, env={"TMPDIR": home})
        if ready:
            self.wait_nodes_ready(name)

    def stop_node(self, name):
        """kill -9 of its kubelet: the node stays as an object, and is not ready some 16 s later."""
        self._processes.pop(name).kill()

    def remove_node(self, name):
        """The kubelet ends, and the object goes too."""
        self.stop_node(name)
        self.delete(f"/api/v1/nodes/{name}")

    def node(self, name):
        return self.get(f"/api/v1/nodes/{name}")

    def node_ready(self, name):
        return _true(self.node(name), "Ready")

    def wait_nodes_ready(self, *names, seconds=180):
        for name in names:
            self._wait(name, lambda each=name: self.node_ready(each), seconds)

    # Its parts

    def pids(self):
        return [process.pid for process in self._processes.values()]

    def ended(self):
        """For people: which of its programs run no more, and why as far as their logs tell."""
        def why(process):
            crash = re.search("^(fatal error|panic): .*", process.log(), re.MULTILINE)
            return crash.group() if crash else process.tail(5)

        return "\n".join(f"{name} ended with {process.exit_status()} ({process.log_path}): {why(process)}"
                         for name, process in self._processes.items() if not process.running())

    def log(self, name):
        """Of a program, or of the kubelet of a node of that name."""
        return self._scratch.file(f"{name}.log")

    def _issue(self):
        """The authority, the server's certificate, the admin's, and the key that signs the tokens of accounts."""
        directory = certificates.make(self.certificates)
        certificates.issue(directory, "server-", "serverAuth",
                           f"IP:{self.host},IP:127.0.0.1,IP:{ADDRESS_FOR_CONTAINERS},DNS:localhost,"
                           "DNS:kubernetes.default.svc")
        certificates.issue(directory, "", "clientAuth", subject="admin/O=system:masters")
        run(["openssl", "genrsa", "-out", self.file("accounts-key.pem"), "2048"])
        self._scratch.file("tokens.csv", text="".join(
            f'{self.token(user)},{user},{user},"{groups}"\n' for user, groups in USERS.items()))

    def _start_etcd(self):
        # In memory, in a mount namespace: nothing waits for a disk, and it is gone when etcd is.
        data = self._scratch.directory("etcd")
        disk = ["unshare", "--mount", "--propagation=private", "sh", "-c",
                'mount -t tmpfs tmpfs "$0" && exec "$@"', data]
        self._run("etcd", "--data-dir", f"{data}/data", "--listen-client-urls", self._etcd,
                  "--advertise-client-urls", self._etcd, "--listen-peer-urls", self._etcd_peer,
                  "--initial-advertise-peer-urls", self._etcd_peer, "--initial-cluster", f"default={self._etcd_peer}",
                  "--logger=zap", "--log-level=warn", before=disk)
        self._wait("etcd", lambda: http_json.get_json(f"{self._etcd}/health")["health"] == "true")

    def _start_controllers(self):
        quick = ["--kubeconfig", self.kubeconfig(), "--leader-elect=false", "--port=0", "--secure-port=0",
                 "--kube-api-qps=200", "--kube-api-burst=400"]
        self._run("kube-controller-manager", *quick, "--service-account-private-key-file",
                  self.file("accounts-key.pem"), "--root-ca-file", self.file("ca.pem"), "--node-monitor-period=1s", "--node-monitor-grace-period=16s",
                  "--horizontal-pod-autoscaler-sync-period=2s", "--concurrent-deployment-syncs=10",
                  "--controllers=*,-nodeipam,-route,-service,-cloud-node-lifecycle,-ttl,-persistentvolume-binder,"
                  "-attachdetach", *self._options["controllers"])
        self._run("kube-scheduler", *quick)
        self._wait("kube-controller-manager", lambda: self.call(
            "GET", "/api/v1/namespaces/default/serviceaccounts/default").status == 200)

    def _run(self, program, *options, name=None, env=None, before=()):
        name = name or program
        path = os.pathsep.join(["/nowhere"] if program == "kubemark" else [os.environ["PATH"]])
        argv = [*before, kubernetes_programs.program(program), *options]
        self._processes[name] = Process(name, argv, self.log(name), {"PATH": path, **(env or {})})

    def _wait(self, name, ready, seconds=180):
        """Fails at once when the program ends."""
        process = self._processes[name]

        def look():
            if not process.running():
                raise RuntimeError(f"{name} ended at its start ({process.exit_status()}):\n{process.tail()}")
            return ready()

        eventually(look, seconds, f"{name} is ready (its log: {process.log_path})")

    def _tls(self):
        return ssl.create_default_context(cafile=self.file("ca.pem"))


def _decoded(what, answer):
    assert answer.status in (200, 201, 202), f"{what}: {answer.status} {answer.text}"
    return answer.json()


def _true(thing, condition):
    """Has that node or pod this condition?"""
    return any(each["type"] == condition and each["status"] == "True" for each in thing["status"].get("conditions", ()))


def base64_of(path):
    """For the -data fields of a kubeconfig."""
    with open(path, "rb") as data:
        return base64.b64encode(data.read()).decode()
