"""Configuration files of the scheduler: `KubeSchedulerConfiguration`, read and checked.

Belongs here: the fields of the file with their defaults, the arguments of plugins, the rules that
hold for them, and the step from a file to profiles. Must not: run plugins, or read the file from a
disk.
"""
