"""`JobFlow` and `JobTemplate`: jobs that follow each other."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, Object
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.job import ANYTHING

GROUP = "flow.volcano.sh"
VERSION = "v1alpha1"


class JobFlowPhase(StrEnum):
    """Drawn in docs/states/job-flow.md."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEED = "Succeed"
    FAILED = "Failed"
    TERMINATING = "Terminating"


class HttpGetProbe(ApiStruct):
    task_name: Annotated[str, described("Task of the job before.")] = ""
    path: Annotated[str, described("Of the request.")] = ""
    port: Annotated[int, described("Of the pods.", minimum=0, maximum=65535)] = 80
    http_header: Annotated[
        JsonObject | None, described("A header: name and value.", schema=ANYTHING)
    ] = None


class TcpSocketProbe(ApiStruct):
    task_name: Annotated[str, described("Task of the job before.")] = ""
    port: Annotated[int, described("Of the pods.", minimum=0, maximum=65535)] = 80


class TaskStatusProbe(ApiStruct):
    task_name: Annotated[str, described("Task of the job before.")] = ""
    phase: Annotated[str, described("Phase that all its pods must have.")] = ""


class FlowProbe(ApiStruct):
    """Without a kind's `List` suffix the field names are Volcano's."""

    http_get_list: Annotated[list[HttpGetProbe], described("Requests that must succeed.")] = []
    tcp_socket_list: Annotated[list[TcpSocketProbe], described("Ports that must answer.")] = []
    task_status_list: Annotated[
        list[TaskStatusProbe], described("Tasks that must have come so far.")
    ] = []


class FlowDependsOn(ApiStruct):
    targets: Annotated[list[str], described("Steps that come first.")] = []
    probe: Annotated[
        FlowProbe | None, described("What must hold of them; completed where absent.")
    ] = None


class FlowPatch(ApiStruct):
    job_spec: Annotated[
        JsonObject, described("Merged into the template's spec.", schema=ANYTHING)
    ] = {}


class Flow(ApiStruct):
    name: Annotated[str, described("Of the JobTemplate.", required=True, minLength=1)] = ""
    depends_on: Annotated[FlowDependsOn | None, described("What comes first.")] = None
    patch: Annotated[FlowPatch | None, described("What is different here.")] = None


class JobFlowSpec(ApiStruct):
    flows: Annotated[list[Flow], described("The steps.")] = []
    job_retain_policy: Annotated[
        str,
        described("What becomes of the jobs of a flow that succeeded.", enum=["retain", "delete"]),
    ] = "retain"


class JobRunningHistory(ApiStruct):
    start_timestamp: Annotated[datetime | None, described("Since when.")] = None
    end_timestamp: Annotated[datetime | None, described("Until when.")] = None
    state: Annotated[str, described("The phase.")] = ""


class FlowJobStatus(ApiStruct):
    name: Annotated[str, described("Of the job.")] = ""
    state: Annotated[str, described("Its phase.")] = ""
    start_timestamp: Annotated[datetime | None, described("When it was made.")] = None
    end_timestamp: Annotated[datetime | None, described("When it ended.")] = None
    restart_count: Annotated[int, described("Its restarts.")] = 0
    running_histories: Annotated[list[JobRunningHistory], described("Its phases.")] = []


class FlowCondition(ApiStruct):
    phase: Annotated[str, described("Of the job.")] = ""
    create_timestamp: Annotated[datetime | None, described("When it was made.")] = msgspec.field(
        default=None, name="createTime"
    )
    running_duration: Annotated[str | None, described("How long it has run.")] = None
    task_status_count: Annotated[
        JsonObject, described("Pods of each task by phase.", schema=ANYTHING)
    ] = {}


class FlowState(ApiStruct):
    phase: Annotated[str, described("Pending, Running, Succeed, Failed or Terminating.")] = ""
    reason: Annotated[str, described("Why it does not go on, in one word; of Shoal.")] = ""
    message: Annotated[str, described("The same for people; of Shoal.")] = ""


class JobFlowStatus(ApiStruct):
    pending_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    running_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    failed_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    completed_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    terminated_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    un_know_jobs: Annotated[list[str], described("Jobs by phase.")] = []
    job_status_list: Annotated[list[FlowJobStatus], described("Each job.")] = []
    conditions: Annotated[
        dict[str, FlowCondition],
        described("Each job by name.", schema={"type": "object", "additionalProperties": ANYTHING}),
    ] = {}
    state: Annotated[FlowState, described("Where it stands.")] = FlowState()


class JobFlow(Object):
    """Jobs that follow each other."""

    spec: Annotated[JobFlowSpec, described("The steps.")] = JobFlowSpec()
    status: Annotated[JobFlowStatus, described("How far it has come.")] = JobFlowStatus()

    @property
    def phase(self) -> JobFlowPhase:
        """A flow without a phase, or with one nobody knows, has not been looked at: Pending."""
        try:
            return JobFlowPhase(self.status.state.phase)
        except ValueError:
            return JobFlowPhase.PENDING


class JobTemplateStatus(ApiStruct):
    job_depends_on_list: Annotated[list[str], described("Jobs that were made from it.")] = []


class JobTemplate(Object):
    """What a flow's steps are made from."""

    spec: Annotated[
        JsonObject, described("The spec of a batch.volcano.sh Job.", schema=ANYTHING)
    ] = {}
    status: Annotated[JobTemplateStatus, described("What was made from it.")] = JobTemplateStatus()


JOB_FLOWS: Resource[JobFlow] = Resource(GROUP, VERSION, "jobflows", "JobFlow", JobFlow)
JOB_TEMPLATES: Resource[JobTemplate] = Resource(
    GROUP, VERSION, "jobtemplates", "JobTemplate", JobTemplate
)

KINDS = (
    CustomKind(
        type=JobFlow,
        group=GROUP,
        plural="jobflows",
        versions=(VERSION,),
        fills_in_zeros=False,
        short_names=("jf",),
        columns=(PrinterColumn("Status", "string", ".status.state.phase"), AGE),
    ),
    CustomKind(
        type=JobTemplate,
        group=GROUP,
        plural="jobtemplates",
        versions=(VERSION,),
        fills_in_zeros=False,
        short_names=("jt",),
        columns=(AGE,),
    ),
)
