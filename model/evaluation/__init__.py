"""Evaluation: metrics, baselines, and how a version does on texts that it has not seen."""
