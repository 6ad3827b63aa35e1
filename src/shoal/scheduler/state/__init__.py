"""What the scheduler knows: nodes as columns of arrays, and which pods stand on them.

Belongs here: the node table, the cache of placed and assumed pods, the read-only snapshot that
plugins see, the statement that places several pods or none.
Must not: judge whether a pod fits; that is for plugins.
"""
