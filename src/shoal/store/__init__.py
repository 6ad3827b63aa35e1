"""A revisioned key-value store: get, list, compare-and-set, watch from a revision.

Belongs here: the `Store` protocol, its implementations, their SQL.
Must not: know what a value means. Values are bytes.
"""
