"""Volcano's kinds: queues, gangs, and the jobs made of them.

Belongs here: the structs that read each kind, their CRDs, and the labels and annotations that
users write. Must not: what the fields lead to (controllers, scheduler), and admission
(`shoal.admission`).

Kinds, fields, defaults, columns and short names are Volcano's (v1.15, staging/src/volcano.sh/apis);
those that Shoal adds are said to be additions.
"""
