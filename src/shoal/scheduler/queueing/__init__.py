"""Pods that wait to be placed: three rooms, and what moves a pod from one to another.

Belongs here: order, back-off, gating, and which events wake which pods.
Must not: judge nodes, or read a clock; `now` is an argument.
"""
