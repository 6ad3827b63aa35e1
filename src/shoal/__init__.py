"""Shoal: a batch platform for Kubernetes, on one machine or any cluster.

The package has no public names of its own: import the module that has the word you need
(ARCHITECTURE.md gives the reading order).
"""

__version__ = "0.1.0"
