"""Admission: what becomes of Volcano's objects before they are stored, and which are refused.

Belongs here: the rules of each kind (pure functions of the object, the one before it and a
`Lookup`), the table that says which rule is asked when (`webhooks`), and its two callers: the
embedded API server (`built_in`) and, on other clusters, a webhook server (`reviews`, `manifests`).
Must not: what a schema can say (the CRDs of `api/volcano`), and any I/O.

Verdicts and texts are Volcano's (v1.15, pkg/webhooks/admission), for people and scripts know them.
"""
