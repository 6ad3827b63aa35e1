"""A pod's volumes: planned from the spec and what it refers to, then laid out on disk.

Belongs here: what files a volume has (pure), writing them so that readers never see half of an
update, and where containers see them.
Must not: fetch objects, or mount anything; mounting is the runtime's.
"""
