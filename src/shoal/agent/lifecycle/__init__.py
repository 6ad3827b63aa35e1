"""The life of a pod on a node, decided without touching anything.

Belongs here: states, events and actions of a pod and its containers, as values, and the one
function `core.handle(state, event, now)` that leads from one to the next.
Must not: start, signal, read or write anything; that is the pod worker's.
"""
