"""Sharing GPUs: pods that ask for parts of devices, and the policies that place them.

Belongs here: the filter that knows devices, which device a pod gets, the score plugins.
Must not: keep what is left of each device (that is `state.gpu_shares`), or know about `Scv`.
"""
