"""Where data goes: one technology a module, each with its guarantee."""
