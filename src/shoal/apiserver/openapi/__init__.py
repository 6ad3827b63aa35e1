"""OpenAPI documents: what clients check bodies against, explain fields and make patches from.

Belongs here: the v3 documents of each group and version, the one v2 document, and the endpoint
that answers with them. They are made from `Served` and the tables of definitions when asked for;
nothing is kept, because clients keep what they fetched by its hash.
Must not: know stores or verbs' behaviour; operations are listed, not explained.
"""
