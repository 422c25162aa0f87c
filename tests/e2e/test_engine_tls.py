"""An engine beyond a socket file: TCP with TLS on both sides, named by the environment or by the configuration."""

import os

import pytest

from rig import certificates, eventually
from rig.fleet import Fleet
from rig.settings import compose_target, engine_at, settings
from rig.web_app import WebApp

HOST = "tcp://127.0.0.1:2376"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificates.make(str(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def shop(files, own_engine, scratch, project, compose_v2):
    """A project on an engine that wants certificates."""
    engine = own_engine(certificates=files)
    made = project(WebApp(engine, scratch).compose_file(), on=engine)
    made.up(compose_v2, scale={"web": 1})
    made.wait_healthy("web")
    return made


def tls_config(files, ca="ca.pem", client=True):
    own = {"cert_file": f"{files}/cert.pem", "key_file": f"{files}/key.pem"} if client else {}
    return {"ca_file": os.path.join(files, ca), **own}


def test_named_by_configuration_or_environment(shop, files, start_alertscaler):
    target = compose_target(shop.name)
    inside = shop.engine.namespaces
    by_file = start_alertscaler(settings(target, docker={"host": HOST, "tls_config": tls_config(files)}),
                                inside=inside, name="by-file")
    Fleet(shop, None, by_file, "web").scale(2)
    by_file.close()
    remote = {"DOCKER_HOST": HOST, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": files}
    by_environment = start_alertscaler(settings(target), env=remote, inside=inside, name="by-environment")
    Fleet(shop, None, by_environment, "web").scale(3)
    by_environment.close()
    local = start_alertscaler(settings(target), env={"DOCKER_HOST": f"unix://{shop.engine.socket_path}"}, name="local")
    Fleet(shop, None, local, "web").scale(1)
    local.close()
    # What the file says goes before what the environment says.
    both = start_alertscaler(settings(target, docker=engine_at(shop.engine.socket_path)),
                             env={"DOCKER_HOST": "tcp://127.0.0.1:1"}, name="both")
    Fleet(shop, None, both, "web").scale(2)


def test_what_is_wrong_with_certificates_is_said(shop, files, start_alertscaler, tmp_path):
    other = certificates.make(str(tmp_path))
    wrong = {
        "no-client-certificate": ({"host": HOST, "tls_config": tls_config(files, client=False)},
                                  ("wants a client certificate", "docker.tls_config.cert_file")),
        "another-client": ({"host": HOST, "tls_config": {**tls_config(other), "ca_file": f"{files}/ca.pem"}},
                           ("wants a client certificate that it trusts",)),
        "another-authority": ({"host": HOST, "tls_config": tls_config(other)},
                              ("is not trusted", "docker.tls_config.ca_file")),
        "no-tls": ({"host": HOST}, ("speaks TLS", "docker.tls_config")),
        "nobody": ({"host": "tcp://127.0.0.1:2399"}, ("127.0.0.1:2399",)),
    }
    for name, (docker, words) in wrong.items():
        app = start_alertscaler(settings(compose_target(shop.name), docker=docker), inside=shop.engine.namespaces,
                                ready=False, name=name)

        def said(app=app, words=words):
            answer = app.request("/-/ready")
            assert answer.status == 503
            for word in words:
                assert word in answer.text, answer.text
            return True

        eventually(said, 20, f"it says what is wrong: {name}")
        app.close()
    assert len(shop.replicas("web")) == 1
