"""Kubernetes REST and watch over `store/`.

Belongs here: what an API server answers: discovery, schemas, defaults, validation, patches,
tables, watches, auth; and `local`, the client that calls the handlers without HTTP.
Must not: know controllers, the scheduler or the agent. It learns of pods' logs through a small
protocol that whoever wires the parts gives it.
"""
