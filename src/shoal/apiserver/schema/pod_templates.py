"""Pod templates inside kinds that are not Kubernetes' own, judged as those of its workloads."""

import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.decoding import struct
from shoal.apiserver.schema.defaults.pods import default_pod_template
from shoal.apiserver.schema.scalars import UnreadableError
from shoal.apiserver.schema.validation.pods import validate_pod_template

_DEFINITION = "io.k8s.api.core.v1.PodTemplateSpec"


def pod_template_causes(template: JsonObject) -> list[Cause]:
    """What is wrong with a template, which is left as it is; fields are named `template...`."""
    own: JsonObject = orjson.loads(orjson.dumps(template))
    form = struct(_DEFINITION)
    try:
        form.check(own)
    except UnreadableError as error:
        return [Cause("template", str(error))]
    form.tidy(own, [])
    default_pod_template(own)
    return list(validate_pod_template(own, "template"))
