"""Questions that are answered and not stored: who am I, what may I do.

There is one owner, who may do everything, and no access rules yet; the answers say so.
"""

from collections.abc import Callable, Mapping

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.exchange import User

Answer = Callable[[Core, User, JsonObject], JsonObject]


class Review(msgspec.Struct, frozen=True):
    group: str
    plural: str
    kind: str
    answer: Answer
    """The status that the asked object gets."""


def _may_i(core: Core, user: User, asked: JsonObject) -> JsonObject:
    return {"allowed": True, "reason": "access rules are not enforced by this server"}


def _what_may_i(core: Core, user: User, asked: JsonObject) -> JsonObject:
    return {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


def _who_am_i(core: Core, user: User, asked: JsonObject) -> JsonObject:
    info: JsonObject = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    return {"userInfo": info}


_AUTHENTICATION = "authentication.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
REVIEWS: Mapping[tuple[str, str], Review] = {
    (review.group, review.plural): review
    for review in (
        Review(_AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview", _who_am_i),
        Review(_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview", _may_i),
        Review(_AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview", _what_may_i),
    )
}
"""By group and plural; all of version v1."""


def answer_review(core: Core, review: Review, user: User, asked: JsonObject) -> JsonObject:
    metadata: JsonObject = {"creationTimestamp": timestamp(core.clock.now())}
    answered: JsonObject = {
        "kind": review.kind,
        "apiVersion": f"{review.group}/v1",
        "metadata": metadata,
    }
    if "spec" in asked:
        answered["spec"] = asked["spec"]
    return answered | {"status": review.answer(core, user, asked)}
