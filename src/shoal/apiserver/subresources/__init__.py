"""What stands below an object's path and is more than a part of it.

Belongs here: scale, and the actions binding, eviction, token and log. The subresources that are
parts of an object, status and finalize, are ordinary updates (`updating`).
Must not: read HTTP.
"""
