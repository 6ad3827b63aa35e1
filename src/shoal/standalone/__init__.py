"""`shoal up`: one process that is a whole cluster.

Belongs here: the wiring of all parts, their configuration, start and stop.
Must not: decide anything a part could decide.
"""
