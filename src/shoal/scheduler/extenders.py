"""Asks extenders over HTTP: the shell around `extender_rounds`.

Filters go one after another, each on what the one before has left; prioritizers all at once. Pod
and nodes are sent as the API server has them. An extender that is ignorable and fails is passed
over; any other failure is the answer.

Source of protocol and texts: Kubernetes v1.36, pkg/scheduler/extender.go and
kube-scheduler/extender/v1/types.go. Go reads field names in any case, and so does this.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.client.http_session import HttpSession
from shoal.client.protocol import Client, ConnectionFailed
from shoal.scheduler.config.configuration import ExtenderSection
from shoal.scheduler.effects import AskExtenders, Bind
from shoal.scheduler.events import ExtendersAnswered
from shoal.scheduler.extender_tls import tls_context

if TYPE_CHECKING:
    from ssl import SSLContext

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 5.0

T = TypeVar("T")


class ExtenderError(Exception):
    """A call of an extender failed; the text says which and how."""


class Subject(msgspec.Struct, frozen=True):
    """What extenders are asked about, as the API server has it."""

    pod: JsonObject
    nodes: Mapping[str, JsonObject]
    """By name; empty where every extender knows the nodes by itself."""


class _Metadata(msgspec.Struct, frozen=True):
    name: str


class _NamedNode(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _NodeList(msgspec.Struct, frozen=True):
    items: list[_NamedNode] | None = None


class _FilterResult(msgspec.Struct, frozen=True, rename="lower"):
    nodes: _NodeList | None = None
    nodenames: list[str] | None = None
    failednodes: dict[str, str] | None = None
    failedandunresolvablenodes: dict[str, str] | None = None
    error: str = ""


class _BindingResult(msgspec.Struct, frozen=True):
    error: str = ""


class _HostPriority(msgspec.Struct, frozen=True):
    host: str = ""
    score: int = 0


class FilterAnswer(msgspec.Struct, frozen=True):
    """What one extender leaves."""

    passed: list[str]
    failed: Mapping[str, str]
    unresolvable: Mapping[str, str]


class Extender:
    """One of them."""

    def __init__(self, section: ExtenderSection, session: HttpSession) -> None:
        self.section = section
        self._session = session
        self._tls: SSLContext | None = None

    async def filter(self, subject: Subject, names: list[str]) -> FilterAnswer:
        """Raises ExtenderError."""
        section = self.section
        result = await self._post(
            section.filter_verb, self._arguments(subject, names), _FilterResult
        )
        if result.error:
            raise ExtenderError(result.error)
        passed: list[str] = []
        if section.node_cache_capable and result.nodenames is not None:
            passed = result.nodenames
        elif result.nodes is not None:
            passed = [node.metadata.name for node in result.nodes.items or ()]
        if unknown := next((name for name in passed if name not in names), None):
            raise ExtenderError(
                f'extender "{section.url_prefix}" claims a filtered node "{unknown}" which is not '
                "found in the input node list"
            )
        unresolvable = result.failedandunresolvablenodes or {}
        return FilterAnswer(passed, result.failednodes or {}, unresolvable)

    async def prioritize(self, subject: Subject, names: list[str]) -> Mapping[str, int]:
        """Weighted scores by node. Raises ExtenderError."""
        section = self.section
        arguments = self._arguments(subject, names)
        scores = await self._post(section.prioritize_verb, arguments, list[_HostPriority])
        return {each.host: each.score * section.weight for each in scores}

    async def bind(self, bind: Bind) -> None:
        """Raises ExtenderError."""
        pod = bind.pod
        arguments = {
            "PodName": pod.name,
            "PodNamespace": pod.namespace,
            "PodUID": pod.uid,
            "Node": bind.node_name,
        }
        result = await self._post(self.section.bind_verb, arguments, _BindingResult)
        if result.error:
            raise ExtenderError(result.error)

    def _arguments(self, subject: Subject, names: list[str]) -> JsonObject:
        if self.section.node_cache_capable:
            return {"Pod": subject.pod, "Nodes": None, "NodeNames": names}
        items = [subject.nodes[name] for name in names if name in subject.nodes]
        nodes = {"apiVersion": "v1", "kind": "NodeList", "metadata": {}, "items": items}
        return {"Pod": subject.pod, "Nodes": nodes, "NodeNames": None}

    async def _post(self, verb: str, body: JsonObject, kind: type[T]) -> T:
        """The answer, read as `kind`."""
        from aiohttp import ClientError, ClientTimeout

        section = self.section
        url = f"{section.url_prefix.rstrip('/')}/{verb}"
        timeout_s = section.http_timeout.seconds or DEFAULT_TIMEOUT_S
        tls = section.tls_config
        try:
            async with self._session.open().post(
                url,
                data=msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
                timeout=ClientTimeout(total=timeout_s),
                ssl=self._context(),
                server_hostname=tls.server_name or None if tls else None,
            ) as response:
                if response.status != 200:
                    text = f"failed {verb} with extender at URL {url}, code {response.status}"
                    raise ExtenderError(text)
                return _read(await response.read(), kind)
        except TimeoutError as error:
            raise ExtenderError(f'Post "{url}": no answer within {timeout_s:g} s') from error
        except (ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
            raise ExtenderError(f'Post "{url}": {error}') from error

    def _context(self) -> "SSLContext | bool":
        if not (self.section.enable_https or self.section.tls_config):
            return True
        if self._tls is None:
            self._tls = tls_context(self.section)
        return self._tls


class Extenders:
    """All of a configuration, in the order in which effects number them."""

    def __init__(
        self, sections: Sequence[ExtenderSection], client: Client, session: HttpSession
    ) -> None:
        self._extenders = [Extender(section, session) for section in sections]
        self._client = client

    async def ask(self, asked: AskExtenders) -> ExtendersAnswered:
        """The answer, whatever happens."""
        names = list(asked.node_names)
        concerned = [self._extenders[index] for index in asked.extenders]
        failed: dict[str, str] = {}
        unresolvable: dict[str, str] = {}
        try:
            subject = await self._look_up(asked, concerned)
            for extender in concerned:
                answer = await _filter(extender, subject, names)
                if answer is not None:
                    names = answer.passed
                    failed |= answer.failed
                    unresolvable |= answer.unresolvable
            scores = await _prioritize(concerned, subject, names)
        except (ApiError, ConnectionFailed, ExtenderError) as error:
            return ExtendersAnswered(asked.pod, asked.node_names, error=str(error))
        return ExtendersAnswered(
            asked.pod, asked.node_names, tuple(names), scores, failed, unresolvable
        )

    async def bind(self, bind: Bind) -> bool:
        """False where the extender failed and may be passed over. Raises ExtenderError."""
        assert bind.extender is not None
        extender = self._extenders[bind.extender]
        try:
            await extender.bind(bind)
        except ExtenderError as error:
            if not extender.section.ignorable:
                raise
            _log.warning("pod %s is bound without its extender: %s", bind.pod, error)
            return False
        return True

    async def _look_up(self, asked: AskExtenders, concerned: Sequence[Extender]) -> Subject:
        """Raises ApiError, ConnectionFailed, ExtenderError."""
        ref = asked.pod
        pod = await self._client.get(PODS.untyped(), ref.name, ref.namespace)
        if pod["metadata"]["uid"] != ref.uid:
            raise ExtenderError(f"pod {ref} was deleted and created again")
        nodes: list[JsonObject] = []
        if not all(extender.section.node_cache_capable for extender in concerned):
            nodes = list((await self._client.list(NODES.untyped())).items)
        return Subject(pod, {node["metadata"]["name"]: node for node in nodes})


async def _filter(extender: Extender, subject: Subject, names: list[str]) -> FilterAnswer | None:
    """None where the extender leaves things as they are. Raises ExtenderError."""
    if not extender.section.filter_verb or not names:
        return None
    try:
        return await extender.filter(subject, names)
    except ExtenderError as error:
        if not extender.section.ignorable:
            raise
        _log.warning("extender passed over: %s", error)
        return None


async def _prioritize(
    extenders: Sequence[Extender], subject: Subject, names: list[str]
) -> Mapping[str, int]:
    """The sum of all; an extender that fails gives no scores."""
    if len(names) < 2:
        return {}
    asked = [each for each in extenders if each.section.prioritize_verb]
    answers = await asyncio.gather(*(_scores(each, subject, names) for each in asked))
    total: Counter[str] = Counter()
    for answer in answers:
        total.update(answer)
    return dict(total)


async def _scores(extender: Extender, subject: Subject, names: list[str]) -> Mapping[str, int]:
    try:
        return await extender.prioritize(subject, names)
    except ExtenderError as error:
        _log.warning("no scores of an extender: %s", error)
        return {}


def _read(answer: bytes, kind: type[T]) -> T:
    """Raises MsgspecError."""
    raw = msgspec.json.decode(answer) if answer else {}
    return msgspec.convert([_lower(item) for item in raw] if _is_list(raw) else _lower(raw), kind)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _lower(value: Any) -> Any:
    """An object by names in lower case."""
    if not isinstance(value, dict):
        return value
    written: JsonObject = value
    return {name.lower(): each for name, each in written.items()}
