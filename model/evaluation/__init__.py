"""Evaluation: metrics, baselines, results on held-out rows, comparison with baselines."""
