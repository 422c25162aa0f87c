"""The programs of a real Kubernetes 1.20 and etcd, built once from Debian 12's source package, whatever runs here.

`python3 -m rig.kubernetes_programs` builds them now, which takes some minutes, and prints where they are.
"""

import os
import re
import shutil

from rig import cache, debian
from rig.processes import run

_SUITE = "bookworm"
_BUILT = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubemark", "kubectl")
# Go 1.19 is the newest that this Kubernetes is known to build with, so it comes from the same suite.
_GO = ("golang-1.19-go", "golang-1.19-src", "golang-github-modern-go-reflect2-dev")
_ETCD = "etcd-server"

_FAKE_OS = "pkg/kubelet/container/testing/os.go"

# What a kubelet without containers would do to the machine, or to its neighbours on the same one, or too slowly.
_PATCHES = (
    ("pkg/kubelet/cri/remote/fake/endpoint.go", r'package fake\n', 'package fake\n\nimport "os"\n'),
    ("pkg/kubelet/cri/remote/fake/endpoint.go", r"return defaultUnixEndpoint, nil",
     'return "unix://" + os.TempDir() + "/runtime.sock", nil'),
    ("pkg/kubelet/cri/remote/fake/endpoint.go", r"const \(.*?\)\n", ""),
    ("pkg/kubemark/hollow_kubelet.go", r'c\.Address = "0\.0\.0\.0".*?\n',
     'c.Address = "127.0.0.1"\n\tc.MakeIPTablesUtilChains = false\n\tc.NodeLeaseDurationSeconds = 8\n'),
    ("pkg/kubemark/hollow_kubelet.go", r"(NodeStatusUpdateFrequency\.Duration = )10", r"\g<1>2"),
    # More than ten new pods at once waited 10 s, and longer each time, for the limit of an image registry.
    ("pkg/kubemark/hollow_kubelet.go", r"(RegistryPullQPS = )5\.0", r"\g<1>0"),
    ("cmd/kubemark/hollow-node.go", r"config\.QPS = 10\n\tconfig\.Burst = 20", "config.QPS = 200\n\tconfig.Burst = 400"),
    # What it keeps of each file, for nobody, it keeps without a lock: two containers that start at the same moment
    # ended the kubelet ("concurrent map writes").
    (_FAKE_OS, r"\tif f\.Files == nil \{.*?FileInfo\{\}\n", ""),
    (_FAKE_OS, r"\tf\.Removes = append\(f\.Removes, path\)\n", ""),  # Remove
    (_FAKE_OS, r"\tf\.Removes = append\(f\.Removes, path\)\n", ""),  # RemoveAll
)


def program(name):
    """The path of that program: from $KUBEBUILDER_ASSETS if it is there (a newer Kubernetes), or else of 1.20."""
    chosen = os.environ.get("KUBEBUILDER_ASSETS")
    if chosen and os.access(os.path.join(chosen, name), os.X_OK):
        return os.path.join(chosen, name)
    return os.path.join(directory(), name)


def directory():
    """The cached directory with all of them."""
    return cache.entry(f"{_SUITE}-kubernetes-2", _build)  # another number when what is built changes


def _build(place):
    work = os.path.join(place, "work")
    files = debian.unpack(_SUITE, [*_GO, _ETCD], os.path.join(work, "packages"))
    tree = debian.unpack_source(_SUITE, "kubernetes", os.path.join(work, "source"))
    for path, pattern, replacement in _PATCHES:
        _patch(os.path.join(tree, path), pattern, replacement)
    # The copy inside panics on nearly every write of JSON when it is built with Go 1.18 or later.
    reflect = "github.com/modern-go/reflect2"
    shutil.rmtree(f"{tree}/vendor/{reflect}")
    shutil.copytree(f"{files}/usr/share/gocode/src/{reflect}", f"{tree}/vendor/{reflect}")
    _make(tree, f"{files}/usr/lib/go-1.19/bin")
    for name in _BUILT:
        shutil.copy2(f"{tree}/_output/local/go/bin/{name}", place)
    shutil.copy2(f"{files}/usr/bin/etcd", place)
    shutil.rmtree(work)


def _make(tree, go):
    """Ends with its whole log when it fails."""
    inside = os.path.join(tree, ".go/src/k8s.io/kubernetes")  # its tools want to be started where GOPATH has it
    os.makedirs(os.path.dirname(inside))
    os.symlink("../../..", inside)
    targets = " ".join(f"cmd/{name}" for name in _BUILT)
    run(["sh", "-c", 'exec nice make WHAT="$0" 2>&1', targets], seconds=3600, cwd=inside, env={
        "PATH": f"{go}:{os.environ['PATH']}", "PWD": inside, "GOPATH": f"{tree}/.go", "GO111MODULE": "off",
        "GOFLAGS": "", "CGO_ENABLED": "0", "MAKEFLAGS": ""})


def _patch(path, pattern, replacement):
    with open(path, encoding="utf-8") as source:
        text, count = re.subn(pattern, replacement, source.read(), count=1, flags=re.DOTALL)
    assert count == 1, f"{path} has no {pattern!r}"
    with open(path, "w", encoding="utf-8") as source:
        source.write(text)


if __name__ == "__main__":
    print(directory())
