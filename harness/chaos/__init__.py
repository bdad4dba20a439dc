"""`moodstream chaos`: breaks the running system in each way that it should survive, then audits it."""

from harness.chaos.command import main

__all__ = ["main"]
