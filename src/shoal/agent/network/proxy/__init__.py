"""The proxy behind cluster addresses: a program of its own, so that traffic slows nobody else.

Belongs here: listening, choosing a target, moving bytes. It is told what to do over a socket in the
data folder, in lines of JSON (wire.py), and goes on by itself when who told it is gone.
Must not: know the Kubernetes API, or import any other part of Shoal that is slow to start.
"""
