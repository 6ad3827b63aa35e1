"""Things that should be in the standard library: clocks, back-off, supervision of tasks.

Belongs here: code that could be a small library of its own and knows nothing of pods.
Must not: import anything of Shoal, or a third-party package.
"""
