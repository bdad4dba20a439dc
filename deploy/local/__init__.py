"""The whole system on one machine: embedded services, the demo, the audit."""
