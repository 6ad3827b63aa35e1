"""What objects look like: `Schema` for every served kind.

Belongs here: the tables of Kubernetes' own kinds (`definitions`), reading bodies into them
(`decoding`), their defaults and rules (`defaults/`, `validation/`), and the same for kinds that
users define (`custom/`).
Must not: know stores, requests or time; whatever depends on other objects is an argument.
"""
