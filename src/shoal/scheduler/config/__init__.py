"""Configuration files of the scheduler, read and checked: `KubeSchedulerConfiguration`, and
`volcano-scheduler.conf` (the modules whose names begin with `volcano`).

Belongs here: the fields of the files with their defaults, the arguments of plugins, the rules that
hold for them, and the step from a file to profiles and to the rules of queues and gangs.
Must not: run plugins, or read a file from a disk.
"""
