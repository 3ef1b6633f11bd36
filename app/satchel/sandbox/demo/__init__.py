"""The demo catalog: a believable eye study, the same from the same seed."""

from satchel.sandbox.demo.build import DemoInfo, build

__all__ = ["DemoInfo", "build"]
