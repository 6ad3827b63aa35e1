"""The test kit, shipped for plugin authors: builders and a cluster in memory.

Belongs here: what makes a test short and true.
Must not: be imported by the product.
"""
