"""In-tree plugins, one file each: judge nodes for a pod, or say when to try it again.

Belongs here: verdicts and scores that agree with kube-scheduler's, and the profiles that come
with Shoal.
Must not: know each other, the queue, or the cycle that calls them.
"""
