"""Job plugins: what `spec.plugins` of a Job does to its pods and puts beside them.

Here belong the plugins, each a pure function of the job. What does not: reading and writing
objects, which the Job controller does with what the plugins hand it.
"""
