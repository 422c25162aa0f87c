"""Objects for a ControlPlane, as dicts for its apply(): workloads that run on nodes without containers, and beside them.

`pod` of a workload are the options of pod_spec().
"""

GROUP = "example.io"


def pod_spec(grace=0, node_selector=None, empty_dir=False, requests=None, ready_at=None, alive_at=None, priority=None,
             tolerations=(), **more):
    """Containers start at once and are ready, unless a probe is given.

    `ready_at` and `alive_at` are the addresses ("127.0.0.1:port") of servers in the test that answer their probes: a
    pod is ready while /ready of the one is 200, and crashes again and again while /alive of the other is not.
    `grace` is how many seconds it may take to end; `more` goes into the spec as it is.
    """
    container = {"name": "main", "image": "none", "resources": {"requests": requests or {}}}
    if ready_at:
        container["readinessProbe"] = _probe(ready_at, "/ready")
    if alive_at:
        container["livenessProbe"] = _probe(alive_at, "/alive")
    spec = {"containers": [container], "terminationGracePeriodSeconds": grace,
            "automountServiceAccountToken": False, "nodeSelector": node_selector or {},
            "tolerations": list(tolerations), **more}
    if empty_dir:
        spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    if priority:
        spec["priorityClassName"] = priority
    return spec


def _probe(address, path):
    host, port = address.rsplit(":", 1)
    return {"httpGet": {"host": host, "port": int(port), "path": path}, "periodSeconds": 1, "failureThreshold": 1,
            "timeoutSeconds": 10}


def pod(name, labels=None, **options):
    """A bare one, of no workload."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}},
            "spec": pod_spec(**options)}


def _workload(kind, name, spec, pod_options, annotations=None):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(**pod_options)}
    return {"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "labels": labels, "annotations": annotations or {}},
            "spec": {"selector": {"matchLabels": labels}, "template": template, **spec}}


def deployment(name, replicas=1, annotations=None, **pod_options):
    return _workload("Deployment", name, {"replicas": replicas}, pod_options, annotations)


def replica_set(name, replicas=1, **pod_options):
    """One that no Deployment owns."""
    return _workload("ReplicaSet", name, {"replicas": replicas}, pod_options)


def stateful_set(name, replicas=1, management="Parallel", **pod_options):
    spec = {"replicas": replicas, "serviceName": name, "podManagementPolicy": management}
    return _workload("StatefulSet", name, spec, pod_options)


def daemon_set(name, **pod_options):
    return _workload("DaemonSet", name, {}, pod_options)


def disruption_budget(name, app, **limit):
    """`limit` is min_available or max_unavailable of the pods with that label app. See budgets.py."""
    (key, value), = limit.items()
    field = {"min_available": "minAvailable", "max_unavailable": "maxUnavailable"}[key]
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": app}}, field: value}}


def pool_definition():
    """A custom resource with a scale subresource: Pool, pools.example.io/v1."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True,
                 "properties": {"replicas": {"type": "integer", "minimum": 0, "maximum": 100}}},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
             "labelSelectorPath": ".status.selector"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
               "subresources": {"status": {}, "scale": scale}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"pools.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "versions": [version],
                     "names": {"plural": "pools", "singular": "pool", "kind": "Pool", "listKind": "PoolList"}}}


def pool(name, replicas=1):
    """An object of pool_definition(); replicas=None leaves the field out."""
    spec = {} if replicas is None else {"replicas": replicas}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Pool", "metadata": {"name": name}, "spec": spec}


def autoscaler(name, minimum=1, maximum=5, kind="Deployment", api_version="apps/v1", target=None, owner=None):
    """A HorizontalPodAutoscaler without metrics to be had: it keeps the count within its bounds, and that is all."""
    metadata = {"name": name, **({"ownerReferences": [owner]} if owner else {})}
    reference = {"apiVersion": api_version, "kind": kind, "name": target or name}
    return {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
            "spec": {"minReplicas": minimum, "maxReplicas": maximum, "scaleTargetRef": reference,
                     "targetCPUUtilizationPercentage": 50}}


def priority_class(name, value):
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}


def service_account(name):
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def rule(resource, *verbs, group="", names=()):
    """One rule of a role: rule("deployments/scale", "get", "patch", group="apps")."""
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), "resourceNames": list(names)}


def role(name, *rules, cluster=False):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole" if cluster else "Role",
            "metadata": {"name": name}, "rules": list(rules)}


def role_binding(name, role_name, user=None, account=None, namespace=None, cluster=False):
    """Gives the rights of that role to a user (kubernetes.USERS), or to an account of that namespace."""
    kind = "ClusterRole" if cluster else "Role"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace} if account else \
        {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": f"{kind}Binding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
            "subjects": [subject]}
