"""The command line: parse, call, print.

Belongs here: one module per command family, and the output formats.
Must not: hold behaviour that a library user would miss.
"""
