"""Job plugins: what `spec.plugins` of a Job does to its pods and puts beside them.

Belongs here: one module for each plugin, pure functions of the job.
Must not: read or write objects; the Job controller does, with what plugins hand it.
"""
