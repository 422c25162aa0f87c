"""Every way to an API server, and to show who we are there; what is replaced while the program runs."""

import json
import os

import pytest

from rig import certificates, eventually, kubernetes_objects as objects
from rig.kubernetes import base64_of
from rig.kubernetes_fleet import KubernetesFleet
from rig.pod_secrets import PodSecrets
from rig.settings import kubernetes_target, settings

ALL_OF_IT = [objects.rule("*", "*", group="apps"), objects.rule("*", "*"),
             objects.rule("*", "*", group="autoscaling"), objects.rule("*", "*", group="events.k8s.io")]


def account(plane, namespace, name="scaler", rules=None):
    """A service account with these rights in its namespace."""
    plane.apply(objects.service_account(name), objects.role(name, *(rules or ALL_OF_IT)),
                objects.role_binding(name, name, account=name, namespace=namespace), namespace=namespace)
    return name


def kubeconfig(scratch, plane, user=None, cluster=None, name="kubeconfig"):
    """A kubeconfig with this user and these keys of the cluster."""
    text = {"apiVersion": "v1", "kind": "Config", "current-context": "here",
            "contexts": [{"name": "elsewhere", "context": {"cluster": "none", "user": "none"}},
                         {"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": plane.url, "certificate-authority": plane.file("ca.pem"),
                                                   **(cluster or {})}}],
            "users": [{"name": "u", "user": user or {"token": plane.token("admin")}}]}
    return scratch.file("config", name, text=json.dumps(text), mode=0o600)


def plugin(scratch, token_path, expires=None):
    """A credential plugin that gives the token that is in a file, and counts its runs."""
    status = {"token": "TOKEN", **({"expirationTimestamp": expires} if expires else {})}
    answer = json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
    script = f"""#!/bin/sh
echo run >> "$0.runs"
case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) ;; *) echo "no info" >&2; exit 1;; esac
test -s "{token_path}" || {{ echo "nobody is logged in" >&2; exit 4; }}
sed "s/TOKEN/$(cat "{token_path}")/" <<'END'
{answer}
END
"""
    return scratch.file("config", "get-token", text=script, mode=0o755)


def runs(path):
    with open(f"{path}.runs", encoding="utf-8") as lines:
        return len(lines.readlines())


def exec_user(command):
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": ["now"],
                     "interactiveMode": "Never", "installHint": "install it first"}}


def wait_for_error(fleet, *words):
    """Until the target says why it cannot be seen."""

    def told():
        seen = fleet.app.target(fleet.target)
        text = f"{(seen['decision'] or {}).get('text', '')} {seen.get('error', '')}"
        assert all(word in text for word in words), text
        return text

    return eventually(told, 40, f"the target says {' and '.join(words)}")


def users(scratch, plane):
    token_file = scratch.file("config", "token", text=plane.token("admin") + "\n")
    return {"token": {"token": plane.token("admin")},
            "tokenFile": {"tokenFile": "token", "token": "another one, which does not count"},
            "certificate": {"client-certificate": plane.file("cert.pem"), "client-key": plane.file("key.pem")},
            "inline": {"client-certificate-data": base64_of(plane.file("cert.pem")),
                       "client-key-data": base64_of(plane.file("key.pem"))},
            "exec": exec_user("./" + os.path.basename(plugin(scratch, token_file))),
            "impersonation": {"token": plane.token("admin"), "as": "somebody", "as-groups": ["system:masters"]}}


@pytest.mark.parametrize("way", ["token", "tokenFile", "certificate", "inline", "exec", "impersonation"])
def test_each_way_to_show_who_we_are(control_plane, kubernetes_fleet, scratch, way):
    config = kubeconfig(scratch, control_plane, users(scratch, control_plane)[way])
    fleet = kubernetes_fleet(replicas=1, kubeconfig=config)
    fleet.fire("up")
    fleet.wait_for_action("done")
    fleet.resolve("up")
    assert fleet.spec_replicas() >= 2
    assert fleet.app.metric("alertscaler_backend_requests_total", backend="kubernetes", code="200") > 0


def test_the_authority_inline_and_the_name_of_the_certificate(control_plane, kubernetes_fleet, scratch):
    inline = {"certificate-authority": "/no/such/file", "tls-server-name": "kubernetes.default.svc",
              "certificate-authority-data": base64_of(control_plane.file("ca.pem"))}
    fleet = kubernetes_fleet(kubeconfig=kubeconfig(scratch, control_plane, cluster=inline))
    fleet.scale(2)
    wrong = kubeconfig(scratch, control_plane, cluster={"tls-server-name": "another.name"}, name="wrong")
    other = kubernetes_fleet(name="other", kubeconfig=wrong, app={"name": "other", "ready": False})
    wait_for_error(other, "is not trusted", "tls-server-name", wrong)


def test_an_authority_that_is_replaced(control_plane, kubernetes_fleet, scratch):
    other = certificates.make(scratch.directory("other"))
    with open(os.path.join(other, "ca.pem"), encoding="utf-8") as text:
        authority = scratch.file("config", "ca.pem", text=text.read())
    config = kubeconfig(scratch, control_plane, cluster={"certificate-authority": "ca.pem"})
    fleet = kubernetes_fleet(kubeconfig=config, app={"ready": False})
    wait_for_error(fleet, "is not trusted")
    with open(control_plane.file("ca.pem"), encoding="utf-8") as text:
        replace(authority, text.read())
    fleet.scale(2)


def replace(path, text):
    with open(path + ".new", "w", encoding="utf-8") as new:
        new.write(text)
    os.replace(path + ".new", path)


def test_a_token_that_expires_and_is_replaced_in_its_file(control_plane, namespace, kubernetes_fleet, scratch):
    account(control_plane, namespace)
    token_file = scratch.file("config", "token", text=control_plane.service_account_token(namespace, "scaler"))
    fleet = kubernetes_fleet(kubeconfig=kubeconfig(scratch, control_plane, {"tokenFile": token_file}))
    fleet.scale(2)
    # With the account its tokens are gone, as they are when their time has come.
    control_plane.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/scaler")
    wait_for_error(fleet, "does not accept the token in", token_file)
    fleet.ask_for(3)
    assert fleet.spec_replicas() == 2
    account(control_plane, namespace)
    replace(token_file, control_plane.service_account_token(namespace, "scaler"))
    # With all the time that a busy machine gets it is less than the minute in which a token is kept.
    eventually(lambda: fleet.app.target("web")["observed"] is not None, 15, "the minute is not waited for")
    fleet.expect(3)
    assert [step[1:] for step in fleet.steps()] == [(1, 2, "done"), (2, 3, "done")]


def test_a_plugin_that_fails_and_then_gives_another_token(control_plane, namespace, kubernetes_fleet, scratch):
    account(control_plane, namespace)
    token_file = scratch.file("config", "token", text="")
    command = plugin(scratch, token_file)
    fleet = kubernetes_fleet(kubeconfig=kubeconfig(scratch, control_plane, exec_user(command)), app={"ready": False})
    wait_for_error(fleet, command, "exit status 4", "nobody is logged in")
    replace(token_file, control_plane.service_account_token(namespace, "scaler"))
    fleet.scale(2)
    before = runs(command)
    fleet.scale(3)
    assert runs(command) == before, "the credentials are kept as long as they are good"
    with open(token_file, encoding="utf-8") as text:
        old = text.read()
    control_plane.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/scaler")
    # The API server remembers for some seconds that it was good.
    eventually(lambda: control_plane.call("GET", "/api", token=old).status == 401, 30, "the old token is refused")
    account(control_plane, namespace)
    replace(token_file, control_plane.service_account_token(namespace, "scaler"))
    fleet.scale(4)
    assert runs(command) > before


def test_a_plugin_that_is_not_there(control_plane, kubernetes_fleet, scratch):
    config = kubeconfig(scratch, control_plane, exec_user("no-such-plugin"))
    fleet = kubernetes_fleet(kubeconfig=config, app={"ready": False})
    wait_for_error(fleet, "no-such-plugin", "install it first")


def test_in_a_pod_it_is_the_service_account_of_the_pod(control_plane, namespace, start_alertscaler, scratch, start):
    account(control_plane, namespace)
    with open(control_plane.file("ca.pem"), encoding="utf-8") as text:
        pod = start(PodSecrets, scratch, ca_crt=text.read(), namespace=namespace,
                    token=control_plane.service_account_token(namespace, "scaler"))
    control_plane.apply(objects.deployment("web", 1), namespace=namespace)
    app = start_alertscaler(settings(kubernetes_target(namespace, "web")), disk=pod, env={
        "KUBERNETES_SERVICE_HOST": control_plane.host, "KUBERNETES_SERVICE_PORT": str(control_plane.port)})
    fleet = KubernetesFleet(control_plane, namespace, "Deployment", "web", app)
    fleet.scale(2)
    control_plane.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/scaler")
    account(control_plane, namespace)
    pod.write("token", control_plane.service_account_token(namespace, "scaler"))
    fleet.scale(3)

