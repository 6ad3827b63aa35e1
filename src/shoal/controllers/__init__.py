"""Level-triggered reconcilers: bring the world to what an object asks for.

Belongs here: one file per behaviour, in a folder per family of kinds.
Must not: talk to another controller but through API objects.
"""
