"""Corrections: changes of silver rows, and the differences that they make in gold."""
