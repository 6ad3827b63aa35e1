"""`shoal worker`: send out workers, follow them, run them again.

Belongs here: `commands` (flags), and what each of them calls and prints. Must not: decide what
a worker becomes; that is told in its status by the Worker controller.
"""
