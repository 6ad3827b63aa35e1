"""Node selectors and node affinity, asked of all nodes in one go.

Labels are columns of numbers (`state.topologies`), so a requirement is judged once for each value
that nodes have, and not once for each node.
"""

import numpy as np

from shoal.api.node_affinity import NodeTerm, PreferredNodes, RequiredNodes
from shoal.api.selectors import Requirement
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.topologies import NO_DOMAIN, Topology

_NAME_FIELD = "metadata.name"


def matching(required: RequiredNodes, nodes: NodeRows) -> BoolArray:
    """As `RequiredNodes.matches` says of each row's node; False for rows without one."""
    found = nodes.is_present.copy()
    for requirement in required.labels.requirements:
        found &= _has_label(requirement, nodes)
    if required.terms is not None:
        is_any = np.zeros(nodes.size, np.bool_)
        for term in required.terms:
            is_any |= _matches_term(term, nodes)
        found &= is_any
    return found


def weights(preferred: PreferredNodes, nodes: NodeRows) -> IntArray:
    """As `PreferredNodes.weight_of` says of each row's node; rows without one mean nothing."""
    total = np.zeros(nodes.size, np.int64)
    for weight, term in preferred.terms:
        total += _matches_term(term, nodes) * np.int64(weight)
    return total


def _matches_term(term: NodeTerm, nodes: NodeRows) -> BoolArray:
    if not term.labels and not term.fields:
        return np.zeros(nodes.size, np.bool_)
    found = np.ones(nodes.size, np.bool_)
    for requirement in term.labels.requirements:
        found &= _has_label(requirement, nodes)
    for requirement in term.fields.requirements:
        found &= _has_field(requirement, nodes)
    return found


def _has_label(requirement: Requirement, nodes: NodeRows) -> BoolArray:
    topology = nodes.snapshot.topologies.get(requirement.key)
    return _verdicts(requirement, topology)[topology.of_row[nodes.rows]]


def _verdicts(requirement: Requirement, topology: Topology) -> BoolArray:
    """By domain."""
    values, operator = requirement.values, requirement.operator
    if operator in ("Exists", "DoesNotExist"):
        verdicts = np.full(topology.size, operator == "Exists")
        verdicts[NO_DOMAIN] = operator == "DoesNotExist"
    elif operator in ("In", "NotIn"):
        verdicts = np.full(topology.size, operator == "NotIn")
        domains = [topology.domain(value) for value in values]
        verdicts[[each for each in domains if each != NO_DOMAIN]] = operator == "In"
    else:
        key = requirement.key
        found = [requirement.matches({key: value}) for value in topology.values]
        verdicts = np.array(found, np.bool_)
        verdicts[NO_DOMAIN] = False
    return verdicts


def _has_field(requirement: Requirement, nodes: NodeRows) -> BoolArray:
    if requirement.key != _NAME_FIELD or requirement.operator not in ("In", "NotIn"):
        return np.full(nodes.size, requirement.matches({}))
    rows = (nodes.snapshot.row(name) for name in requirement.values)
    is_named = np.isin(nodes.numbers, [row for row in rows if row is not None])
    return is_named if requirement.operator == "In" else ~is_named
