"""Defaults of batch/v1 CronJob. The job of the template gets its own when it is made."""

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.defaults.pods import default_pod_template


def default_cron_job(cron_job: JsonObject) -> None:
    """Source: Kubernetes v1.36, pkg/apis/batch/v1/defaults.go (SetDefaults_CronJob)."""
    spec: JsonObject = cron_job.setdefault("spec", {})
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template: JsonObject = spec.setdefault("jobTemplate", {})
    default_pod_template(template.setdefault("spec", {}).setdefault("template", {}))
    cron_job.setdefault("status", {})
