"""Executor pools: `Task`, `DynamicExecutorPool`, `FixedExecutorPool`.

Belongs here: which executors a pool has, which task goes to which executor, when a pool grows.
Must not: run inside executor pods; that side is `shoal.executor`.
"""
