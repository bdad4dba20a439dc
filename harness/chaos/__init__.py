"""`moodstream chaos`: breaks the running system in every way that it claims to survive, then audits it."""

from harness.chaos.command import main

__all__ = ["main"]
