"""`shoal work`: the items of work queues, for shells and people.

Belongs here: `commands` (flags), and what each of them calls and prints. Must not: load what speaks
to the control plane; shell loops call these commands once for every item.
"""
