"""TLS as the web configuration file sets it up: versions, client certificates, files that change, clients that mean no
good, and whatever else speaks to the port."""

import contextlib
import os
import shutil
import socket
import ssl
import time

import pytest

from rig import certificates, eventually, http_json
from rig.alertscaler import binary, run_once
from rig.events import EventListener
from rig.notifications import alert, notification
from rig.processes import run
from rig.settings import settings, simulated_target

IN_TIME = 9.0
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
VERIFYING = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


@pytest.fixture
def folder(scratch):
    """An authority, a server's certificate and a client's; and, in `stranger`, those of somebody else."""
    certificates.make(scratch.directory("tls", "stranger"))
    return certificates.make(scratch.directory("tls"))


@pytest.fixture
def serve(scratch, folder, start_alertscaler):
    """serve(key=value, …) starts the program with these keys in tls_server_config; `web` is more of the file."""

    def begin(options=(), web="", **keys):
        lines = "".join(f"  {key}: {value}\n" for key, value in
                        {"cert_file": "server-cert.pem", "key_file": "server-key.pem", **keys}.items())
        file = os.path.join(folder, "web.yml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"tls_server_config:\n{lines}{web}")
        return start_alertscaler(settings(simulated_target(replicas=2, max=9)), ready=False,
                                 options=[f"--web.config.file={file}", *options])

    return begin


def trust(folder, client=None, low=None, high=None):
    """A client's context; `client` is the folder, and perhaps the beginning of the name, of its certificate."""
    context = ssl.create_default_context(cafile=os.path.join(folder, "ca.pem"))
    if low:
        context.minimum_version = low
    if high:
        context.maximum_version = high
    if client is not None:
        context.load_cert_chain(f"{client}cert.pem", f"{client}key.pem")
    return context


def ask(app, context, path="/api/v1/targets", **options):
    return http_json.request(f"https://{app.address}{path}", context=context, **options)


def accepted(app, context):
    """Does the server take a request of such a client? With TLS 1.3 a client hears of a refusal when it reads."""
    try:
        return ask(app, context).status == 200
    except (OSError, ssl.SSLError):
        return False


def shake_hands(app, context):
    host, port = app.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=host) as secure:
            return secure.version(), secure.cipher()[0], secure.getpeercert()["serialNumber"]


def test_everything_goes_through_tls(serve, folder):
    app = serve()
    context = trust(folder)
    body = notification(*(alert("web", "hold", f"A{i}", annotations={"text": "x" * 1000}) for i in range(1000)))
    answer = ask(app, context, "/webhook", method="POST", body=body)
    assert answer.status == 200 and len(answer.json()["data"]["alerts"]) == 1000
    assert len(ask(app, context, "/api/v1/alerts").json()["data"]) == 1000  # a megabyte back
    assert ask(app, context, "/-/healthy").status == 200
    with pytest.raises(OSError):
        ask(app, trust(os.path.join(folder, "stranger")))  # the client does not trust it
    assert ask(app, context).status == 200


def test_one_connection_carries_many_requests(serve, folder):
    app = serve()
    host, port = app.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        with trust(folder).wrap_socket(plain, server_hostname=host) as client:
            request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
            client.sendall(request * 20)  # at once, and what is left in the library's buffer must not be waited for
            got = b""
            while got.count(b"alertscaler is healthy.") < 20:
                more = client.recv(65536)
                assert more, got
                got += more


@pytest.mark.parametrize("keys, works", (
    ({}, {"TLS12", "TLS13"}),
    ({"min_version": "TLS13"}, {"TLS13"}),
    ({"max_version": "TLS12"}, {"TLS12"}),
    ({"cipher_suites": "[TLS_AES_128_GCM_SHA256]"}, {"TLS13"}),
))
def test_versions(serve, folder, keys, works):
    app = serve(**keys)
    for name, version in VERSIONS.items():
        assert accepted(app, trust(folder, low=version, high=version)) == (name in works), name


def test_old_versions_only_when_they_are_asked_for(serve, folder):
    old = trust(folder, low=ssl.TLSVersion.TLSv1_1, high=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    app = serve()
    assert not accepted(app, old)
    app.terminate()
    app = serve(min_version="TLS11")
    assert shake_hands(app, old)[0] == "TLSv1.1"


def test_ciphers_and_curves(serve, folder):
    app = serve(cipher_suites="[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", max_version="TLS12",
                curve_preferences="[CurveP384]")
    assert shake_hands(app, trust(folder))[:2] == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    other = trust(folder)
    other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert not accepted(app, other)
    other_curve = trust(folder)
    other_curve.set_ecdh_curve("prime256v1")
    assert not accepted(app, other_curve)


@pytest.mark.parametrize("kind, nobody, stranger", (
    ("NoClientCert", True, True),
    ("RequestClientCert", True, True),
    ("RequireAnyClientCert", False, True),
    ("VerifyClientCertIfGiven", True, False),
    ("RequireAndVerifyClientCert", False, False),
))
@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificates(serve, folder, kind, nobody, stranger, version):
    app = serve(client_auth_type=kind, **({"client_ca_file": "ca.pem"} if kind in VERIFYING else {}))
    limits = {"low": VERSIONS[version], "high": VERSIONS[version]}
    assert accepted(app, trust(folder, **limits)) == nobody
    assert accepted(app, trust(folder, client=f"{folder}/stranger/", **limits)) == stranger
    assert accepted(app, trust(folder, client=f"{folder}/", **limits))
    if kind in VERIFYING:
        app.process.wait_for_log("event=tls.failed", 10)


def test_allowed_names_of_clients(serve, folder):
    certificates.issue(folder, "named-", "clientAuth", names="DNS:other.example,DNS:am.example,IP:10.1.2.3")
    certificates.issue(folder, "foreign-", "clientAuth", names="DNS:am.example.org,IP:10.1.2.4")
    for allowed in ("am.example", "10.1.2.3"):
        app = serve(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem",
                    client_allowed_sans=f"[nobody.example, {allowed}]")
        assert accepted(app, trust(folder, client=f"{folder}/named-"))
        assert not accepted(app, trust(folder, client=f"{folder}/foreign-"))
        assert not accepted(app, trust(folder, client=f"{folder}/"))
        app.terminate()


def test_a_server_certificate_is_no_clients(serve, folder):
    app = serve(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem")
    assert not accepted(app, trust(folder, client=f"{folder}/server-"))


def test_new_certificates_without_restart(serve, folder):
    """A pair that does not fit changes nothing and is told once; connections that there are go on."""
    app = serve(client_auth_type="VerifyClientCertIfGiven", client_ca_file="ca.pem")
    context = trust(folder)
    first = shake_hands(app, context)[2]
    listener = EventListener(app.address, context)
    try:
        os.rename(f"{folder}/server-key.pem", f"{folder}/kept.pem")
        shutil.copy(f"{folder}/key.pem", f"{folder}/server-key.pem")
        eventually(lambda: shake_hands(app, context)[2] == first and "event=certificate.kept" in app.process.log(), 10,
                   "the broken pair is seen, and the old one used")
        for _ in range(3):
            before = time.monotonic()
            eventually(lambda start=before: time.monotonic() > start + 1.1 and shake_hands(app, context), 10, "a while")
        assert app.process.log().count("event=certificate.kept") == 1
        assert "is not the key of the first certificate" in app.process.log()

        certificates.issue(folder, "server-", "serverAuth", names="IP:127.0.0.1")
        eventually(lambda: shake_hands(app, context)[2] != first, 10, "the new pair is used")
        body = notification(alert("web", "hold", "After"))
        assert ask(app, context, "/webhook", method="POST", body=body).status == 200
        listener.wait_for("alert", lambda a: a["labels"]["alertname"] == "After")
    finally:
        listener.close()
    assert not accepted(app, trust(folder, client=f"{folder}/stranger/"))
    shutil.copy(f"{folder}/stranger/ca.pem", f"{folder}/ca-new.pem")
    with open(f"{folder}/ca-new.pem", "a", encoding="ascii") as out, open(f"{folder}/ca.pem", encoding="ascii") as old:
        out.write(old.read())
    os.rename(f"{folder}/ca-new.pem", f"{folder}/ca.pem")
    eventually(lambda: accepted(app, trust(folder, client=f"{folder}/stranger/")), 10, "the new authority counts")


def test_without_its_authorities_it_knows_no_client(serve, folder):
    """What is gone or broken vouches for nobody; who needs no certificate is served as before."""
    app = serve(client_auth_type="VerifyClientCertIfGiven", client_ca_file="ca.pem")
    ours, anybody = trust(folder, client=f"{folder}/"), trust(folder)
    assert accepted(app, ours)
    os.rename(f"{folder}/ca.pem", f"{folder}/kept.pem")
    eventually(lambda: not accepted(app, ours), 10, "our client is not taken any more")
    assert accepted(app, anybody)
    assert "client_ca_file cannot be used" in ask(app, anybody, "/-/ready").text
    app.process.wait_for_log("event=authorities.unusable", 10)
    assert "\nalertscaler_config_last_reload_successful 0" in ask(app, anybody, "/metrics").text
    os.rename(f"{folder}/kept.pem", f"{folder}/ca.pem")  # the same file as before
    eventually(lambda: accepted(app, ours), 10, "it is taken again")
    assert ask(app, anybody, "/-/ready").text == "alertscaler is ready.\n"


def test_authorities_change_although_the_certificate_cannot(serve, folder):
    """A certificate that is half replaced must not keep an authority alive that was taken out."""
    shutil.copy(f"{folder}/ca.pem", f"{folder}/ca-of-clients.pem")
    app = serve(client_auth_type="VerifyClientCertIfGiven", client_ca_file="ca-of-clients.pem")
    ours, anybody = trust(folder, client=f"{folder}/"), trust(folder)
    theirs = trust(folder, client=f"{folder}/stranger/")
    first = shake_hands(app, anybody)[2]
    assert accepted(app, ours) and not accepted(app, theirs)
    shutil.copy(f"{folder}/key.pem", f"{folder}/server-key.pem")
    shutil.copy(f"{folder}/stranger/ca.pem", f"{folder}/ca-of-clients.pem")
    eventually(lambda: not accepted(app, ours), 10, "the authority that was taken out does not count")
    assert accepted(app, theirs) and shake_hands(app, anybody)[2] == first
    app.process.wait_for_log("event=certificate.kept", 10)
    assert "the certificate from before stays in use" in ask(app, anybody, "/-/ready").text
    os.remove(f"{folder}/ca-of-clients.pem")
    eventually(lambda: not accepted(app, theirs), 10, "nobody vouches")
    assert accepted(app, anybody)


def test_what_is_no_tls(serve, folder):
    app = serve()
    for request in (b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"POST /webhook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"):
        with socket.create_connection(app.address.split(":"), timeout=10) as client:
            client.sendall(request)
            answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"Client sent an HTTP request to an HTTPS server" in answer
    for noise in (b"\x00" * 100, b"\x16\x03\x01\x00\x05hello", b"\x80\x2e\x01\x00\x02", b"ssh-2.0\r\n",
                  b"\x16" + os.urandom(4096)):
        with socket.create_connection(app.address.split(":"), timeout=10) as client:
            with contextlib.suppress(OSError):  # it need not read to the end
                client.sendall(noise)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):  # an alert, perhaps
                    pass
    assert accepted(app, trust(folder))


@pytest.mark.parametrize("says", (pytest.param(b"", id="nothing"),
                                  pytest.param(b"\x16\x03\x01\x02\x00", id="half of it")))
def test_slow_handshakes_starve_nobody(serve, folder, says):
    app = serve(options=["--web.read-timeout=3s"])
    clients = []
    try:
        for _ in range(400):
            clients.append(socket.create_connection(app.address.split(":"), timeout=15))
            clients[-1].sendall(says)
        before = time.monotonic()
        assert accepted(app, trust(folder))
        assert time.monotonic() - before < IN_TIME
        clients[-1].settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert clients[-1].recv(100) == b"", "it is cut off"
    finally:
        for client in clients:
            client.close()


def test_events_through_tls(serve, folder):
    app = serve()
    context = trust(folder)
    listeners = [EventListener(app.address, context) for _ in range(20)]
    try:
        for i in range(50):
            body = notification(*(alert("web", "hold", f"B{i}-{j}", annotations={"t": "x" * 200}) for j in range(20)))
            assert ask(app, context, "/webhook", method="POST", body=body).status == 200
            for each in listeners:  # twenty of them in one process keep up only when they are given the time
                each.wait_for("alert", lambda a, name=f"B{i}-19": a["labels"]["alertname"] == name)
        assert [len(each.of("alert")) for each in listeners] == [1000] * len(listeners)
        assert app.terminate() == 0
        assert all(each.ended.wait(5) for each in listeners)
    finally:
        for each in listeners:
            each.close()


def test_the_user_is_the_one_of_the_certificate_and_headers_are_sent(serve, folder):
    app = serve(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem", web=(
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    X-Frame-Options: deny\n"))
    headers = ask(app, trust(folder, client=f"{folder}/")).headers
    assert headers["Strict-Transport-Security"] == "max-age=60" and headers["X-Frame-Options"] == "deny"


def test_health_checks_find_a_server_with_tls(serve, folder):
    app = serve()
    url = f"http://{app.address}"
    assert run_once("healthcheck", f"--url={url}").returncode == 0
    assert run_once("healthcheck", f"--url=https://{app.address}").returncode == 0
    assert run_once("healthcheck", f"--url=https://{app.address}", f"--tls.ca-file={folder}/ca.pem").returncode == 0
    wrong = run_once("healthcheck", f"--url=https://{app.address}", f"--tls.ca-file={folder}/stranger/ca.pem")
    assert wrong.returncode == 1 and "certificate" in wrong.stderr, wrong.stderr
    app.terminate()
    assert run_once("healthcheck", f"--url={url}").returncode == 1
    app = serve(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem")
    assert run_once("healthcheck", f"--url=http://{app.address}").returncode == 0
    assert run_once("healthcheck", f"--url=https://{app.address}", f"--tls.cert-file={folder}/cert.pem",
                    f"--tls.key-file={folder}/key.pem").returncode == 0


def test_client_certificates_are_enough_beyond_loopback(scratch, folder):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    for kind, refused in (("VerifyClientCertIfGiven", True), ("RequireAndVerifyClientCert", False)):
        web = scratch.file("tls", "web.yml", text=f"tls_server_config: {{cert_file: server-cert.pem, key_file: "
                           f"nothing.pem, client_auth_type: {kind}, client_ca_file: ca.pem}}\n")
        ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
                         "--web.listen-address=0.0.0.0:0", f"--web.config.file={web}")
        assert ended.returncode == 1
        assert ("without authentication" in ended.stderr) == refused, ended.stderr
        assert ("nothing.pem" in ended.stderr) != refused, ended.stderr


@pytest.mark.parametrize("change, words", (
    ({"cert_file": "nowhere.pem"}, ("cert_file", "nowhere.pem", "No such file")),
    ({"key_file": "key.pem"}, ("key_file", "key.pem is not the key of the first certificate in")),
    ({"key_file": "server-cert.pem"}, ("key_file", "holds no private key")),
    ({"cert_file": "server-key.pem"}, ("cert_file", "holds no certificate")),
    ({"key_file": "locked.pem"}, ("key_file", "is encrypted", "openssl pkey")),
    ({"cert_file": "broken.pem"}, ("cert_file", "certificate number 2 is broken")),
    ({"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "key.pem"},
     ("client_ca_file", "holds no certificate")),
))
def test_what_keeps_it_from_starting(scratch, folder, change, words):
    certificates.run(["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", f"{folder}/server-key.pem", "-out",
                      f"{folder}/locked.pem"], 30)
    with open(f"{folder}/server-cert.pem", encoding="ascii") as good, open(f"{folder}/broken.pem", "w",
                                                                         encoding="ascii") as out:
        text = good.read()
        out.write(text + text.replace(text.splitlines()[3], "AAAA" + text.splitlines()[3][4:]))
    keys = {"cert_file": "server-cert.pem", "key_file": "server-key.pem", **change}
    web = scratch.file("tls", "web.yml", text="tls_server_config:\n" + "".join(f"  {k}: {v}\n" for k, v in keys.items()))
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
                     "--web.listen-address=127.0.0.1:0", f"--web.config.file={web}")
    assert ended.returncode == 1
    for each in words:
        assert each in ended.stderr, ended.stderr
    with open(f"{folder}/server-key.pem", encoding="ascii") as key:
        assert key.read().splitlines()[1] not in ended.stderr


def test_an_authority_that_is_named_is_the_only_one(serve, folder, scratch):
    """What the machine trusts besides, such as an inspecting proxy, is not asked for a server whose authority is known."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can change what the machine trusts")
    app = serve()
    other = certificates.make(scratch.directory("tls", "other"), authority="another")
    trusted = scratch.directory("trusted")
    shutil.copy(f"{folder}/ca.pem", trusted)
    run(["openssl", "rehash", trusted], 20)

    def ask(*options):
        return run(["unshare", "--mount", "--propagation=private", "sh", "-c",
                    'mount --bind "$0" /etc/ssl/certs && exec "$@"', trusted, binary(), "status",
                    f"--url=https://{app.address}", *options], 20, check=False)

    assert ask(f"--tls.ca-file={folder}/ca.pem").returncode == 0
    refused = ask(f"--tls.ca-file={other}/ca.pem")
    assert refused.returncode != 0 and "certificate" in refused.stderr, refused
