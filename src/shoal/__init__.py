"""Shoal: a batch platform for Kubernetes, on one machine or any cluster.

Belongs here: folders, each with a charter like this one (ARCHITECTURE.md gives their reading
order), and the version.
Must not: have other public names; import the module that has the word you need.
"""

__version__ = "0.1.0"
