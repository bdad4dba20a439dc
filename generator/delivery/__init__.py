"""How records leave the generator: pace, sinks, acknowledgements, and the status of a run."""
