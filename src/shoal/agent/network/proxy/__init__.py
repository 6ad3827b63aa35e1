"""The proxy behind cluster addresses: a program of its own, so that traffic slows nobody else.

Belongs here: listening, choosing a target, moving bytes. It is told what to do over its standard
input, a line of JSON for each Service (wire.py), and ends when that is closed.
Must not: know the Kubernetes API, or import any other part of Shoal that is slow to start.
"""
