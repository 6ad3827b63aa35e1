"""Volcano's controllers: jobs, queues, PodGroups, cron jobs, flows and HyperNodes.

Here belong reconcilers of Volcano's kinds and what they decide from. What does not: placing pods
and sharing the cluster among queues, which is the scheduler's.
"""
