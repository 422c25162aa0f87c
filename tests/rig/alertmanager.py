"""A real Alertmanager on a free loopback port, without clustering."""

from rig import http_json
from rig.eventually import eventually
from rig.processes import Process


class Alertmanager:
    """`config` is the text of alertmanager.yml."""

    def __init__(self, scratch, config, options=(), name="alertmanager"):
        self._config = scratch.file(name, "alertmanager.yml", text=config)
        self.process = Process(name, [
            "prometheus-alertmanager", f"--config.file={self._config}",
            f"--storage.path={scratch.directory(name, 'data')}", "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=", *options], scratch.file(f"{name}.log"))
        told = self.process.wait_for_log(r'msg="Listening on" .*address=(127\.0\.0\.1:\d+)', 30)
        self.address = told.group(1)
        self.url = f"http://{self.address}"
        eventually(lambda: http_json.request(f"{self.url}/-/ready").status == 200, 30, "Alertmanager is ready")

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

    def close(self):
        self.process.kill()


def config(webhook, group_wait="0s", group_interval="2s", repeat_interval="1s", group_by=("scale_target", "alertname")):
    """An alertmanager.yml with one webhook receiver; by default everything is sent at once and repeated every 2 s."""
    return (f"route: {{receiver: hook, group_by: [{', '.join(group_by)}], group_wait: {group_wait}, "
            f"group_interval: {group_interval}, repeat_interval: {repeat_interval}}}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n")
