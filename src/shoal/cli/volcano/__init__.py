"""Queues, jobs and flows on the command line, with the flags and columns of Volcano's `vcctl`.

Belongs here: `*_commands` (flags), and what each of them calls and prints. Must not: decide what
the controllers or the scheduler decide; what is told here is read from objects.

Source of flags, columns and texts: Volcano v1.15, cmd/cli and pkg/cli. A name may be given as an
argument as well as with vcctl's flag, which is `-n` for queues, and `-N` where `-n` is a namespace.
"""
