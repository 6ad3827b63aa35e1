"""The object model: typed, immutable reads of Kubernetes objects, and the facts about them.

Belongs here: structs that name only the fields Shoal reads, quantities, selectors, resource
descriptions, API errors, CRDs made from our own structs.
Must not: do I/O, read a clock, or decide anything.
"""
