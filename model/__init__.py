"""The sentiment model: trained on human labels, registered in MLflow, scored by look-ups in tables by token."""
