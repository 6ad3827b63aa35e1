"""Extenders as web servers: what is sent to them, and what their answers come to."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shoal.api.duration import duration
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.apiserver.certificates import ensure_certificates
from shoal.base.clock import SystemClock
from shoal.client.events import EventRecorder
from shoal.client.http_session import HttpSession
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.scheduler import effects
from shoal.scheduler.config.configuration import ExtenderSection, ExtenderTls
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.dispatcher import Dispatcher
from shoal.scheduler.effects import AskExtenders, Bind, PodRef
from shoal.scheduler.events import BindFailed, BindSucceeded, ExtendersAnswered
from shoal.scheduler.extenders import Extenders
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_node, make_pod
from shoal.testing.cluster import memory_cluster
from tests.waiting import eventually

Answer = Callable[[dict[str, Any]], Any]


@dataclass
class Site:
    """One web server that plays extenders, and the cluster around it."""

    client: Client
    session: HttpSession
    pod: PodRef
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    """By path. A number is a status code."""
    asked: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        path, body = request.path.strip("/"), await request.json()
        assert request.content_type == "application/json"
        self.asked.append((path, body))
        answer = self.answers[path](body)
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.json_response(answer)

    def section(self, name: str, **fields: Any) -> ExtenderSection:
        return ExtenderSection(
            url_prefix=f"{self.url}/{name}/",
            node_cache_capable=fields.pop("cached", True),
            **fields,
        )

    def extenders(self, *sections: ExtenderSection) -> Extenders:
        return Extenders(sections, self.client, self.session)

    async def ask(self, *sections: ExtenderSection, nodes: str = "n1 n2") -> ExtendersAnswered:
        question = AskExtenders(self.pod, tuple(range(len(sections))), tuple(nodes.split()))
        return await self.extenders(*sections).ask(question)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with memory_cluster() as cluster, HttpSession() as session:
        client = cluster.client
        for name in ("n1", "n2"):
            await client.create(NODES, make_node(name).capacity(cpu="4").manifest())
        manifest = make_pod("a").req(cpu="1").annotations(kept="whole").manifest()
        del manifest["metadata"]["uid"]
        pod = effects.ref(await client.create(PODS, manifest, "default"))
        made = Site(client, session, pod)
        app = web.Application()
        app.router.add_post("/{name:.*}", made.serve)
        async with TestServer(app) as server:
            made.url = str(server.make_url("")).rstrip("/")
            yield made


async def test_filters_go_one_after_another_each_on_what_is_left(site: Site) -> None:
    site.answers["one/filter"] = lambda body: {
        "NodeNames": ["n2"],
        "FailedNodes": {"n1": "too small"},
    }
    site.answers["two/filter"] = lambda body: {
        "nodenames": [],
        "failedAndUnresolvableNodes": {"n2": "too old"},
    }
    answer = await site.ask(
        site.section("one", filter_verb="filter"), site.section("two", filter_verb="filter")
    )
    assert [(path, body["NodeNames"]) for path, body in site.asked] == [
        ("one/filter", ["n1", "n2"]),
        ("two/filter", ["n2"]),
    ]
    assert answer == ExtendersAnswered(
        site.pod, ("n1", "n2"), (), {}, {"n1": "too small"}, {"n2": "too old"}
    )


async def test_pods_and_nodes_are_sent_whole(site: Site) -> None:
    site.answers["e/filter"] = lambda body: {"Nodes": {"items": body["Nodes"]["items"][:1]}}
    answer = await site.ask(site.section("e", filter_verb="filter", cached=False), nodes="n2")
    ((_, body),) = site.asked
    assert body["NodeNames"] is None
    assert body["Pod"]["metadata"]["annotations"] == {"kept": "whole"}
    assert body["Pod"]["spec"]["terminationGracePeriodSeconds"] == 30
    (node,) = body["Nodes"]["items"]
    assert (node["metadata"]["name"], node["status"]["capacity"]["cpu"]) == ("n2", "4")
    assert answer.passed == ("n2",)


async def test_scores_are_weighted_and_summed(site: Site) -> None:
    site.answers["a/p"] = lambda body: [{"Host": "n1", "Score": 3}, {"Host": "n2", "Score": 1}]
    site.answers["b/p"] = lambda body: [{"host": "n2", "score": 5}]
    answer = await site.ask(
        site.section("a", prioritize_verb="p", weight=2),
        site.section("b", prioritize_verb="p", weight=4),
    )
    assert answer.passed == ("n1", "n2")
    assert answer.scores == {"n1": 6, "n2": 22}


async def test_an_only_node_needs_no_score(site: Site) -> None:
    section = site.section("a", prioritize_verb="p", weight=2)
    assert (await site.ask(section, nodes="n1")).scores == {}
    assert site.asked == []


async def test_a_prioritizer_that_fails_gives_no_scores(site: Site) -> None:
    site.answers["a/p"] = lambda body: 500
    answer = await site.ask(site.section("a", prioritize_verb="p", weight=2))
    assert (answer.error, answer.scores, answer.passed) == ("", {}, ("n1", "n2"))


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (500, "failed filter with extender at URL {url}/e/filter, code 500"),
        ({"Error": "out of sorts"}, "out of sorts"),
        (
            {"NodeNames": ["n7"]},
            'extender "{url}/e/" claims a filtered node "n7" which is not found in the input node '
            "list",
        ),
        ({"NodeNames": "n1"}, 'Post "{url}/e/filter": Expected `array | null`, got `str`'),
        ([], 'Post "{url}/e/filter": Expected `object`, got `array`'),
    ],
)
async def test_a_filter_that_fails_is_the_answer_unless_it_is_ignorable(
    site: Site, reply: Any, text: str
) -> None:
    site.answers["e/filter"] = lambda body: reply
    section = site.section("e", filter_verb="filter")
    answer = await site.ask(section)
    assert answer.error.startswith(text.replace("{url}", site.url))
    assert answer.passed == ()
    answer = await site.ask(msgspec.structs.replace(section, ignorable=True))
    assert (answer.error, answer.passed) == ("", ("n1", "n2"))


async def test_an_extender_that_cannot_be_reached_is_named(site: Site) -> None:
    section = ExtenderSection(url_prefix="http://127.0.0.1:1", filter_verb="filter")
    answer = await site.ask(section)
    assert answer.error.startswith('Post "http://127.0.0.1:1/filter": ')


async def test_an_extender_that_is_slow_is_given_up(site: Site) -> None:
    stop = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = ExtenderSection(
        url_prefix=f"http://127.0.0.1:{port}", filter_verb="f", http_timeout=duration("50ms")
    )
    answer = await site.ask(section)
    stop.set()
    server.close()
    assert answer.error == f'Post "http://127.0.0.1:{port}/f": no answer within 0.05 s'


async def test_a_certificate_that_cannot_be_read_is_an_error(site: Site) -> None:
    tls = ExtenderTls(ca_file="/nowhere/ca.pem")
    answer = await site.ask(site.section("e", filter_verb="f", tls_config=tls))
    assert "No such file or directory: '/nowhere/ca.pem'" in answer.error


async def test_a_pod_that_is_gone_is_not_asked_about(site: Site) -> None:
    gone = AskExtenders(PodRef("default", "gone", "u"), (0,), ("n1",))
    section = site.section("e", filter_verb="filter")
    assert (await site.extenders(section).ask(gone)).error == 'pods "gone" not found'
    other = AskExtenders(PodRef("default", "a", "other"), (0,), ("n1",))
    answer = await site.extenders(section).ask(other)
    assert answer.error == "pod default/a was deleted and created again"
    assert site.asked == []


async def test_over_https_any_server_is_trusted_unless_an_authority_is_given(
    site: Site, tmp_path: Path
) -> None:
    site.answers["filter"] = lambda body: {"NodeNames": ["n1"]}
    files = ensure_certificates(tmp_path, SystemClock().now())
    (tmp_path / "other").mkdir()
    other = ensure_certificates(tmp_path / "other", SystemClock().now())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    app = web.Application()
    app.router.add_post("/filter", site.serve)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    section = ExtenderSection(
        url_prefix=f"https://127.0.0.1:{server.port}",
        filter_verb="filter",
        node_cache_capable=True,
        enable_https=True,
    )

    async def ask(**tls: Any) -> ExtendersAnswered:
        config = ExtenderTls(**tls) if tls else None
        return await site.ask(msgspec.structs.replace(section, tls_config=config))

    try:
        assert (await ask()).passed == ("n1",)
        assert (await ask(ca_file=str(files.authority))).passed == ("n1",)
        assert (await ask(ca_data=files.authority.read_bytes())).passed == ("n1",)
        assert "certificate verify failed" in (await ask(ca_file=str(other.authority))).error
    finally:
        await server.close()


async def test_a_running_scheduler_places_pods_by_the_word_of_an_extender(site: Site) -> None:
    site.answers["e/filter"] = lambda body: {"NodeNames": ["n2"], "FailedNodes": {"n1": "no"}}
    section = site.section("e", filter_verb="filter")
    clock = SystemClock()
    informers = InformerSet(site.client, clock, random.Random(0))
    recorder = EventRecorder(site.client, "default-scheduler", clock)
    registry = in_tree_registry()
    scheduler = build_scheduler(DEFAULT_PROFILES, registry, extenders=[section])
    extenders = site.extenders(section)
    loop = SchedulerLoop(scheduler, site.client, informers, recorder, clock, extenders)
    tasks = [asyncio.create_task(each.run()) for each in (informers, recorder, loop)]

    async def is_placed() -> bool:
        return (await site.client.get(PODS, "a", "default")).spec.node_name == "n2"

    try:
        await eventually(is_placed)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TestBinding:
    """Through the dispatcher, which carries the effect out."""

    async def bind(self, site: Site, section: ExtenderSection) -> object:
        clock = SystemClock()
        reports: asyncio.Queue[object] = asyncio.Queue()
        recorder = EventRecorder(site.client, "default-scheduler", clock)
        dispatcher = Dispatcher(
            site.client,
            recorder,
            clock,
            reports.put_nowait,
            extenders=site.extenders(section),
        )
        task = asyncio.create_task(dispatcher.run())
        dispatcher.submit([Bind(site.pod, "n1", "DefaultBinder", extender=0)])
        async with asyncio.timeout(20):
            report = await reports.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return report

    async def node_of_pod(self, site: Site) -> str:
        return (await site.client.get(PODS, "a", "default")).spec.node_name

    async def test_the_extender_binds_instead_of_the_scheduler(self, site: Site) -> None:
        site.answers["e/bind"] = lambda body: {}
        report = await self.bind(site, site.section("e", bind_verb="bind"))
        assert report == BindSucceeded(site.pod, "n1")
        assert site.asked == [
            (
                "e/bind",
                {
                    "PodName": "a",
                    "PodNamespace": "default",
                    "PodUID": site.pod.uid,
                    "Node": "n1",
                },
            )
        ]
        assert await self.node_of_pod(site) == ""

    async def test_an_extender_that_cannot_bind_fails_the_binding(self, site: Site) -> None:
        site.answers["e/bind"] = lambda body: {"Error": "no hands"}
        report = await self.bind(site, site.section("e", bind_verb="bind"))
        assert report == BindFailed(site.pod, "n1", "no hands")

    async def test_the_scheduler_binds_where_an_ignorable_extender_fails(self, site: Site) -> None:
        site.answers["e/bind"] = lambda body: 503
        report = await self.bind(site, site.section("e", bind_verb="bind", ignorable=True))
        assert report == BindSucceeded(site.pod, "n1")
        assert await self.node_of_pod(site) == "n1"
