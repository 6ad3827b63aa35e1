"""Who may have how much: shares of queues and of gangs, and what follows from them.

Belongs here: arithmetic on amounts, the queue tree, shares, and each answer that depends on them
(which queue is next, may it have this much, whom may it take from).
Must not: know nodes (`cycle/`), pods of gangs (`gangs/`), clocks or I/O.
"""
