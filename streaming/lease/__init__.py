"""The lease: which job may write to a lake. Taken before anything else, renewed by a thread, given back at the end."""
