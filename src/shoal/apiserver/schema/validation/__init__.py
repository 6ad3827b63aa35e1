"""The rules Kubernetes 1.36 holds its own kinds to, with its texts.

Belongs here: functions that take a value and its path and return causes (`causes`); one module a
kind or family composes them.
Must not: see more than one object and its old version, or change either.
"""
