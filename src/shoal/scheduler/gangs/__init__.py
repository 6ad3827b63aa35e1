"""Gangs: which pods belong together, and how far each gang has come.

Belongs here: what is known of each PodGroup and its members, kept up to date by events, and what is
to be written to its status. Must not be here: where members are placed (`cycle/`), how the cluster
is divided (`fairness/`), I/O.
"""
