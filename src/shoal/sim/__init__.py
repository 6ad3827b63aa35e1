"""The production scheduler core on virtual time, without an API server.

Belongs here: what feeds the core with recorded or made-up clusters, carries its effects out in
memory, and reports what came of it.
Must not: decide anything; that is the scheduler's own.
"""
