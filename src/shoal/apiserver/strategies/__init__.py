"""What the verbs do differently for one kind: its status at creation, its generation, its end.

Belongs here: one `Strategy` per kind that is not plain, and the table of them.
Must not: store anything, or hold what a kind's fields mean (that is its `Schema`).
"""
