"""Volcano's controllers: jobs, queues, PodGroups, cron jobs, flows and HyperNodes.

Belongs here: reconcilers of Volcano's kinds and what they decide from.
Must not: place pods or share the cluster among queues, which is the scheduler's.
"""
