"""Workers: data-sync jobs sent out as the right kind of workload.

Belongs here: which object a Worker becomes and why (`strategy`), the controller that makes it,
and what of its pods and its queue is told in the Worker's status.
Must not: run Deployments, Jobs or CronJobs itself; `controllers/kube` or the cluster does.
"""
