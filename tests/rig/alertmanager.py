"""A real Alertmanager on a free loopback port."""

import datetime

from rig import http_json
from rig.eventually import eventually
from rig.processes import Process


class Alertmanager:
    """`config` is the text of alertmanager.yml, `web` that of the file for --web.config.file.

    With `cluster` it can be the peer of another one: True for the first, that one for the second.
    """

    def __init__(self, scratch, config, options=(), name="alertmanager", cluster=None, web=None):
        self.name = name
        self._scratch = scratch
        self._config = scratch.file(name, "alertmanager.yml", text=config)
        self._options = list(options)
        if web:
            self._options.append(f"--web.config.file={scratch.file(name, 'web.yml', text=web)}")
        if cluster:
            self._options.append("--cluster.listen-address=127.0.0.1:0")
            if cluster is not True:
                self._options.append(f"--cluster.peer={cluster.cluster_address()}")
        else:
            self._options.append("--cluster.listen-address=")
        self._scheme = "https" if web and "tls_server_config" in web else "http"
        self.address = "127.0.0.1:0"
        self.process = None
        self.start()

    @property
    def url(self):
        return f"{self._scheme}://{self.address}"

    def start(self):
        """Starts it (again), on the same port; of alerts it remembers none."""
        log_path = self._scratch.file(f"{self.name}.log")
        logged = 0
        if self.process:
            logged = len(self.process.log().encode())
        self.process = Process(self.name, [
            "prometheus-alertmanager", f"--config.file={self._config}",
            f"--storage.path={self._scratch.directory(self.name, 'data')}", f"--web.listen-address={self.address}",
            *self._options], log_path)
        told = self.process.wait_for_log(r'msg="Listening on" .*address=(127\.0\.0\.1:\d+)', 30, logged)
        self.address = told.group(1)
        if self._scheme == "http":
            eventually(lambda: http_json.request(f"{self.url}/-/ready").status == 200, 30, "Alertmanager is ready")

    def kill(self):
        self.process.kill()

    def reload(self, config=None):
        if config is not None:
            with open(self._config, "w", encoding="utf-8") as out:
                out.write(config)
        answer = http_json.request(f"{self.url}/-/reload", "POST")
        assert answer.status == 200, answer.text

    def post(self, *alerts):
        """Posts alerts, each with at least `labels`, as Prometheus does."""
        answer = http_json.request(f"{self.url}/api/v2/alerts", "POST", list(alerts))
        assert answer.status == 200, answer.text

    def alerts(self, query="active=true&silenced=false&inhibited=false"):
        return http_json.get_json(f"{self.url}/api/v2/alerts?{query}")

    def silence(self, **labels):
        """Silences the alerts with these labels for an hour; the silence's id."""
        now = datetime.datetime.now(datetime.timezone.utc)
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
        answer = http_json.request(f"{self.url}/api/v2/silences", "POST", {
            "matchers": matchers, "startsAt": now.isoformat(), "createdBy": "a test", "comment": "a test",
            "endsAt": (now + datetime.timedelta(hours=1)).isoformat()})
        assert answer.status == 200, answer.text
        return answer.json()["silenceID"]

    def unsilence(self, silence):
        answer = http_json.request(f"{self.url}/api/v2/silence/{silence}", "DELETE")
        assert answer.status == 200, answer.text

    def cluster_address(self):
        """Where its peers reach it."""
        (peer,) = http_json.get_json(f"{self.url}/api/v2/status")["cluster"]["peers"]
        return peer["address"]

    def peers(self):
        """How many the cluster has, with itself."""
        return len(http_json.get_json(f"{self.url}/api/v2/status")["cluster"]["peers"])

    def close(self):
        self.process.kill()


def config(webhook, group_wait="0s", group_interval="2s", repeat_interval="1s", group_by=("scale_target", "alertname")):
    """An alertmanager.yml with one webhook receiver; by default everything is sent at once and repeated every 2 s."""
    return (f"route: {{receiver: hook, group_by: [{', '.join(group_by)}], group_wait: {group_wait}, "
            f"group_interval: {group_interval}, repeat_interval: {repeat_interval}}}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n")


def silent_config(more=""):
    """An alertmanager.yml that notifies nobody: whoever wants to know must ask."""
    return f"route: {{receiver: nobody}}\nreceivers: [{{name: nobody}}]\n{more}"
