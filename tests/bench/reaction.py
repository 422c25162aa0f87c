#!/usr/bin/env python3
"""What lies between a notification and the accepted change, on a real engine, beside what that engine takes itself.

    ALERTSCALER_BIN=build/release/src/alertscaler python3 tests/bench/reaction.py [STEPS]

Each step asks for one replica more. Told are the program's alert_reaction_seconds (notification received -> the engine
has made and started the replica) and, in turn with it, a create and start of the same container by the bare Engine API.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# pylint: disable=wrong-import-position
from rig import Scratch, compose
from rig.alertscaler import Alertscaler
from rig.docker_engine import DockerEngine
from rig.fleet import Fleet
from rig.compose import Project
from rig.settings import compose_target, engine_at, settings
from rig.web_app import WebApp


def bare(engine, name, like):
    """Seconds for create and start, of a container as Compose made it."""
    seen = engine.inspect(like)
    body = {**seen["Config"], "HostConfig": seen["HostConfig"]}
    body.pop("Hostname")
    body["Labels"] = {}
    started = time.monotonic()
    made = engine.call("POST", "/containers/create", body, query={"name": name})
    engine.call("POST", f"/containers/{made['Id']}/start")
    took = time.monotonic() - started
    engine.remove(made["Id"])
    return took


def memory(pid):
    """PSS and RSS in MiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as text:
        found = dict(line.split(":") for line in text if ":" in line and "kB" in line)
    return [int(found[key].split()[0]) / 1024 for key in ("Pss", "Rss")]


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    scratch = Scratch("reaction")
    engine = DockerEngine(scratch)
    app = None
    try:
        web = WebApp(engine, scratch)
        shop = Project(engine, scratch, "shop", web.compose_file(healthcheck=False))
        shop.up(compose.v2())
        app = Alertscaler(scratch, settings(compose_target("shop", max=steps + 1), docker=engine_at(engine.socket_path)))
        fleet = Fleet(shop, web, app, "web")
        fleet.expect(1)
        print("memory at idle: PSS {:.1f} MiB, RSS {:.1f} MiB".format(*memory(app.process.pid)))
        first = fleet.replicas()[0].id
        reactions, bares = [], []
        for count in range(2, steps + 2):
            before = app.metric("alertscaler_alert_reaction_seconds_sum")
            fleet.scale(count)
            reactions.append(app.metric("alertscaler_alert_reaction_seconds_sum") - before)
            bares.append(bare(engine, f"bare-{count}", first))
        for name, seen in (("notification -> change accepted", reactions), ("bare create and start", bares)):
            print(f"{name}: median {statistics.median(seen) * 1000:.0f} ms, "
                  f"min {min(seen) * 1000:.0f}, max {max(seen) * 1000:.0f}")
        print("ratio to the bare engine: median "
              f"{statistics.median(r / b for r, b in zip(reactions, bares)):.2f} of {steps} pairs")
        print("memory afterwards: PSS {:.1f} MiB, RSS {:.1f} MiB".format(*memory(app.process.pid)))
    finally:
        if app:
            app.close()
        engine.close()
        scratch.close()


if __name__ == "__main__":
    main()
