"""Decide where pods run.

Belongs here: state, framework, plugins, queueing and the cycle, all pure; `dispatcher` and
`loop`, which carry decisions out, are the only I/O.
Must not: know the embedded API server or any controller.
"""
