"""A real Prometheus on a free loopback port."""

import urllib.parse

from rig import http_json
from rig.eventually import eventually
from rig.processes import Process


class Prometheus:
    """`config` is the text of prometheus.yml, `rules` that of rule files by name; they lie in one directory."""

    def __init__(self, scratch, config, rules=None, options=()):
        for name, text in (rules or {}).items():
            scratch.file("prometheus", name, text=text)
        self._config = scratch.file("prometheus", "prometheus.yml", text=config)
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={self._config}",
            f"--storage.tsdb.path={scratch.directory('prometheus', 'data')}", "--web.listen-address=127.0.0.1:0",
            "--web.enable-lifecycle", *options], scratch.file("prometheus.log"))
        told = self.process.wait_for_log(r'msg="Listening on" .*address=(127\.0\.0\.1:\d+)', 30)
        self.address = told.group(1)
        self.url = f"http://{self.address}"
        eventually(lambda: http_json.request(f"{self.url}/-/ready").status == 200, 30, "Prometheus is ready")

    def reload(self, config=None):
        if config is not None:
            with open(self._config, "w", encoding="utf-8") as out:
                out.write(config)
        answer = http_json.request(f"{self.url}/-/reload", "POST")
        assert answer.status == 200, answer.text

    def query(self, expression):
        """The result of an instant query: a list of (labels, value)."""
        told = http_json.get_json(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [(each["metric"], float(each["value"][1])) for each in told["data"]["result"]]

    def alerts(self):
        """Pending and firing alerts as Prometheus' API gives them."""
        return http_json.get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]

    def firing(self):
        return sorted(each["labels"]["alertname"] for each in self.alerts() if each["state"] == "firing")

    def close(self):
        self.process.kill()


def config(scrape, alertmanager, interval="1s", rules=("*.rules.yml",)):
    """A prometheus.yml that scrapes the jobs {name: address} and alerts at once, for tests that cannot wait minutes."""
    jobs = "".join(f"- {{job_name: {name}, static_configs: [{{targets: ['{address}']}}]}}\n"
                   for name, address in scrape.items())
    return (f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
            f"rule_files: [{', '.join(repr(each) for each in rules)}]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n"
            f"scrape_configs:\n{jobs}")
