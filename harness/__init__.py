"""What is run and proved on the embedded stack: the demo, the audit, benchmarks and chaos."""
