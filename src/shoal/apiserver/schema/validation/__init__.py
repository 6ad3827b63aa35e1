"""The rules Kubernetes 1.36 holds its own kinds to, with its texts.

A rule function takes a value and its path and returns causes (`causes`); one module a kind or
family composes them. Everything here is pure and sees one object and its old version only.
"""
