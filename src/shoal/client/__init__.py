"""Talk to an API server, and keep local copies of what it holds.

Belongs here: the `Client` protocol, its http implementation, reflector, informer, work queue,
event recorder.
Must not: decide anything, or import a server.
"""
