"""What runs outside of the agent: the spawner, and one shim per container that outlives both.

Belongs here: code of the standard library only, because it runs in an interpreter without
site-packages and every module is paid for by each of hundreds of shims.
Must not: import asyncio, a third-party package or any other part of Shoal but this folder.

Reading order: order (what to run), spawner (who forks), launch (from order to shim),
supervision (the shim's life), isolation and filesystem (namespaces), execution (exec).
"""
