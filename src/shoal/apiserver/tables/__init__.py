"""How objects are printed: the meta/v1 Tables that `kubectl get` shows.

Belongs here: columns and cells of each kind, one file per family of kinds, and the columns that
CRDs declare. Must not: know stores or requests; `now` is an argument.

Source of columns and cells: Kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""
