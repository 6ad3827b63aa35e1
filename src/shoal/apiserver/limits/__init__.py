"""What the objects of a namespace may take: LimitRanges for each, ResourceQuotas for all together.

Belongs here: who is asked before a write (`LimitRanger`, `QuotaGate`), what the gate knows
(`KindTally`) and the rules of LimitRanges, which are pure. Must not: what objects count as in a
quota (`api/quota`), and the status of quotas, which a controller writes.
"""
