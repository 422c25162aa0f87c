"""The end-to-end rig: real engines, Prometheus, Alertmanager and our program, for tests only. See README.md."""

from rig.eventually import eventually
from rig.scratch import Scratch

__all__ = ["Scratch", "eventually"]
