"""What cannot be scaled is said, with what to change, before anything is created."""

import pytest

STATIC = """
    networks: {inside: {ipv4_address: 172.30.77.10}}
networks:
  inside: {ipam: {config: [{subnet: 172.30.77.0/24}]}}
"""
CASES = {
    "container_name": (
        "    container_name: the-only-one\n",
        'service "web" cannot be scaled above 1: it sets container_name "the-only-one"; remove container_name from the '
        "compose file"),
    "fixed host port": (
        '    ports: ["18080:8080"]\n',
        'service "web" publishes fixed host port 18080 (0.0.0.0:18080->8080/tcp); only one replica can bind it; publish '
        'a range ("18080-18089:8080"), drop the host port, or put a proxy in front'),
    "fixed host port on one address": (
        '    ports: ["127.0.0.1:18081:8080"]\n',
        'service "web" publishes fixed host port 18081 (127.0.0.1:18081->8080/tcp); only one replica can bind it; '
        'publish a range ("18081-18090:8080"), drop the host port, or put a proxy in front'),
    "static address": (STATIC, 'service "web" has the static address 172.30.77.10 on network '),
}


@pytest.mark.parametrize("extra, sentence", CASES.values(), ids=CASES.keys())
def test_what_allows_one_replica_only(fleet, extra, sentence):
    shop = fleet(extra=extra)
    shop.expect(1)
    before = [replica.id for replica in shop.replicas()]
    decision = shop.fire("up", "?wait=10s")["decision"]
    assert (decision["outcome"], decision["reason"]) == ("blocked", "not_scalable"), decision
    assert sentence in decision["text"], decision["text"]
    assert shop.app.target("web")["decision"]["text"] == decision["text"]
    assert [replica.id for replica in shop.replicas()] == before
    assert shop.steps() == []


def test_a_range_of_host_ports_is_used_up_and_no_more(fleet):
    shop = fleet(extra='    ports: ["18090-18092:8080"]\n', max=9)
    shop.expect(1)
    shop.ask_for(9)
    shop.expect(3)
    assert shop.steps() == [("to", 1, 3, "done")]
    decision = shop.wait_for_decision("blocked", "not_scalable")
    assert "port range 18090-18092 allows at most 3 replicas" in decision["text"], decision["text"]
    ports = [shop.engine.inspect(replica.id)["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
             for replica in shop.replicas()]
    assert sorted(ports) == ["18090", "18091", "18092"]


def test_ports_that_the_engine_chooses_are_no_limit(fleet):
    shop = fleet(extra='    ports: ["8080"]\n')
    shop.scale(3)
    assert shop.steps() == [("to", 1, 3, "done")]


def test_what_cannot_go_up_can_still_go_down(fleet, compose_v2):
    """The limit is on what we add: a service that has more than its range allows is no reason to do nothing."""
    shop = fleet(extra='    ports: ["18095-18096:8080"]\n', replicas=2, min=0)
    shop.scale(1)
    shop.scale(0)
    shop.scale(2)
    assert shop.steps() == [("to", 2, 1, "done"), ("to", 1, 0, "done"), ("to", 0, 2, "done")]
    before = [replica.id for replica in shop.replicas()]
    shop.project.up(compose_v2, scale={"web": 2})
    assert [replica.id for replica in shop.replicas()] == before
