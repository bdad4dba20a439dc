"""The sentiment model: trained on human labels, registered in MLflow, scored by tables of tokens."""
