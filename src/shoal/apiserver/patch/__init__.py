"""Patches as values: an object and a patch in, the patched object out.

Belongs here: the patch formats of the API (JSON patch, merge patch, strategic merge patch).
Must not: know verbs, stores or schemas beyond `MergeFacts`; edit an input. What a patch does not
touch is shared between the object before and after, so a patch costs what it changes.
"""
