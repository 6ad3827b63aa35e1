"""Kinds that users define: from a CustomResourceDefinition to `Served`.

Belongs here: structural schemas (pruning, defaults), their validation with the server's texts,
CEL rules, and the rules a definition itself is held to.
Must not: know which definitions are stored; the registry is told, and asks here.
"""
