"""Gangs: which pods belong together, and how far each gang has come.

Belongs here: what is known of each PodGroup and its members, kept true by events, and what is
written to its status.
Must not: choose nodes (`cycle/`), divide the cluster (`fairness/`), or do I/O.
"""
