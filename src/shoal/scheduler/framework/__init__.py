"""The Kubernetes scheduling framework: extension points, statuses, and how plugins are run.

Belongs here: protocols of plugins, the data that passes between them, profiles and their
registry, one function per extension point that runs its plugins in order.
Must not: know any single plugin, or the queue.
"""
