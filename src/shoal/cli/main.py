"""`shoal`: the command line.

Commands parse, call one coroutine and print; imports that cost time happen inside them, so that
help and completion stay quick. Whatever a user can mend ends as one sentence and exit code 1.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

import shoal
from shoal.cli import bench, plugin, sim
from shoal.cli.options import (
    EXPLAINED,
    AllNamespaces,
    Fields,
    Files,
    GracePeriod,
    Kubeconfig,
    Labels,
    Namespace,
    Words,
    run_connected,
)
from shoal.cli.output import CliError, OutputFormat, fail
from shoal.cli.volcano import flow_commands, job_commands, queue_commands, top_commands
from shoal.cli.work import commands as work_commands
from shoal.cli.worker import commands as worker_commands

if TYPE_CHECKING:
    from shoal.client.protocol import Client

app = typer.Typer(
    name="shoal",
    help="A batch platform for Kubernetes: on one machine, or on any cluster.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(plugin.app, name="plugin")
app.add_typer(bench.app, name="bench")
app.add_typer(queue_commands.app, name="queue")
app.add_typer(job_commands.app, name="job")
app.add_typer(job_commands.pod_app, name="pod")
app.add_typer(flow_commands.flow_app, name="jobflow")
app.add_typer(flow_commands.flow_app, name="flow", hidden=True)
app.add_typer(flow_commands.template_app, name="jobtemplate")
app.add_typer(top_commands.app, name="top")
app.add_typer(worker_commands.app, name="worker")
app.add_typer(work_commands.app, name="work")
app.command()(sim.sim)

_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__base__)
"""What the parser raises about a command line; typer gives it no public name."""


def main() -> None:
    """Entry point of the `shoal` program."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except _USAGE_ERROR as error:
        sys.exit(_say_misuse(error))


def _say_misuse(error: Exception) -> int:
    """One sentence where the parser would print a box; its exit code."""
    misuse = cast(typer.BadParameter, error)
    text = misuse.format_message().rstrip(".")
    if not text:  # Without a subcommand there is nothing to say: the help has been printed.
        return 0
    command = misuse.ctx.command_path if misuse.ctx is not None else "shoal"
    sys.stderr.write(f"error: {text[:1].lower()}{text[1:]}; see {command} --help\n")
    return 1


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        version()
        raise typer.Exit


@app.callback()
def shoal_options(
    is_version_wanted: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """A batch platform for Kubernetes: on one machine, or on any cluster."""


@app.command()
def up(
    data_dir: Annotated[Path | None, typer.Option(help="Where state and logs live.")] = None,
    port: Annotated[int, typer.Option(help="HTTPS port on 127.0.0.1; 0 picks one.")] = 6443,
    runtime: Annotated[str, typer.Option(help="auto, sandbox or process.")] = "auto",
    config: Annotated[Path | None, typer.Option(help="shoal.yaml: images, Ploto.")] = None,
    scheduler_config: Annotated[
        Path | None, typer.Option(help="KubeSchedulerConfiguration: profiles, extenders.")
    ] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig file to write.")] = None,
    nodes: Annotated[int, typer.Option(help="Virtual nodes on this machine.", min=1)] = 1,
    node_resources: Annotated[
        str, typer.Option(help="What each offers: cpu=4,memory=8Gi,nvidia.com/gpu=2.")
    ] = "",
) -> None:
    """Start a whole control plane on this machine; runs until interrupted."""
    from shoal.standalone.cyclic_garbage import pause_search

    pause_search()
    from shoal.agent.runtime.probing import RuntimeUnavailableError
    from shoal.standalone import config as configuration
    from shoal.standalone.server import serve
    from shoal.store.protocol import StoreUnusable

    try:
        settings = configuration.load(
            data_dir=data_dir,
            port=port,
            runtime=runtime,
            config_file=config,
            scheduler_config=scheduler_config,
            kubeconfig=kubeconfig,
            nodes=nodes,
            node_resources=node_resources,
        )
        left = serve(settings, on_ready=_announce)
    except OSError as error:
        fail(f"cannot serve on 127.0.0.1:{port}: {error.strerror or error}")
    except (configuration.ConfigError, RuntimeUnavailableError, StoreUnusable) as error:
        fail(str(error))
    if left:
        typer.echo(
            f"stopped; {left} {'pod keeps' if left == 1 else 'pods keep'} running: `shoal up` takes"
            " them up again, `shoal down` ends them"
        )


def _announce(url: str, kubeconfig: Path) -> None:
    typer.echo(f"shoal is ready at {url}; export KUBECONFIG={kubeconfig}")


@app.command()
def down(
    data_dir: Annotated[Path | None, typer.Option(help="That of the stopped `shoal up`.")] = None,
) -> None:
    """End the pods that a stopped `shoal up` left running; its objects are kept."""
    import asyncio

    from shoal.base.clock import SystemClock
    from shoal.standalone.config import default_data_dir
    from shoal.standalone.leftovers import end_pods

    folder = data_dir or default_data_dir()
    if not folder.is_dir():
        fail(f"{folder} is no data folder of `shoal up`; name it with --data-dir")
    try:
        count = asyncio.run(end_pods(folder, SystemClock()))
    except OSError as error:
        fail(str(error))
    typer.echo(f"pods ended: {count}")


@app.command()
def get(
    words: Words,
    namespace: Namespace = "",
    all_namespaces: AllNamespaces = False,
    selector: Labels = "",
    field_selector: Fields = "",
    output: Annotated[OutputFormat, typer.Option("--output", "-o")] = OutputFormat.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Draw again on changes.")] = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List objects."""
    from shoal.cli import reading

    async def body(client: "Client", namespace: str) -> None:
        asked = reading.Asked(
            namespace, labels=selector, fields=field_selector, all_namespaces=all_namespaces
        )
        if watch:
            await reading.watch(client, words, asked)
        else:
            await reading.get(client, words, asked, output)

    run_connected(body, namespace, kubeconfig)


@app.command()
def describe(words: Words, namespace: Namespace = "", kubeconfig: Kubeconfig = None) -> None:
    """Show an object in full, with its events."""
    from shoal.cli import reading

    run_connected(
        lambda client, where: reading.describe(client, words, where), namespace, kubeconfig
    )


@app.command()
def logs(
    pod: Annotated[
        str, typer.Argument(metavar="POD", help="A pod, or KIND/NAME of what selects pods.")
    ],
    namespace: Namespace = "",
    container: Annotated[str, typer.Option("--container", "-c")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p")] = False,
    tail: Annotated[int | None, typer.Option(help="Lines from the end.")] = None,
    timestamps: Annotated[bool, typer.Option(help="Begin each line with its time.")] = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print a pod's log."""
    from shoal.cli import reading
    from shoal.client.protocol import LogOptions

    options = LogOptions(
        container=container,
        follow=follow,
        previous=previous,
        tail_lines=tail,
        timestamps=timestamps,
    )
    run_connected(
        lambda client, where: reading.logs(client, pod, where, options), namespace, kubeconfig
    )


@app.command()
def apply(filename: Files = None, namespace: Namespace = "", kubeconfig: Kubeconfig = None) -> None:
    """Create or update the objects of manifest files."""
    from shoal.cli import writing

    if not filename:
        fail("name a file, a folder or - with -f")
    run_connected(
        lambda client, where: writing.apply(client, filename, where), namespace, kubeconfig
    )


@app.command()
def delete(
    words: Annotated[list[str] | None, typer.Argument(metavar="KIND [NAME]...")] = None,
    filename: Files = None,
    namespace: Namespace = "",
    selector: Labels = "",
    every: Annotated[bool, typer.Option("--all", help="All objects of the kind.")] = False,
    grace_period: GracePeriod = None,
    wait: Annotated[bool, typer.Option(help="Return when they are gone.")] = True,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Delete objects by name, label or manifest file."""
    from shoal.cli import writing
    from shoal.client.protocol import DeleteOptions

    if bool(words) == bool(filename):
        fail("name either objects (KIND NAME...) or files (-f)")
    if words and len(words) == 1 and "/" not in words[0] and not selector and not every:
        fail("name an object, a selector (-l) or --all")
    options = DeleteOptions(grace_period_s=grace_period)

    async def body(client: "Client", namespace: str) -> None:
        if words:
            gone = await writing.delete_named(client, words, namespace, selector, options)
        else:
            gone = await writing.delete_files(client, filename or [], namespace, options)
        if wait:
            await writing.wait_gone(client, gone)

    run_connected(body, namespace, kubeconfig)


@app.command()
def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND] NAME", help=f"{EXPLAINED[:1].upper()}{EXPLAINED[1:]}."),
    ] = None,
    namespace: Namespace = "",
    output: Annotated[OutputFormat, typer.Option("--output", "-o")] = OutputFormat.TABLE,
    nodes: Annotated[bool, typer.Option("--nodes", help="A pod, node by node.")] = False,
    scheduler_config: Annotated[
        Path | None, typer.Option(help="KubeSchedulerConfiguration that the scheduler runs with.")
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="How many such pods fit, now and with changes:")
    ] = False,
    cpu: Annotated[str, typer.Option(help="The pod asks for so much.")] = "",
    memory: Annotated[str, typer.Option(help="The pod asks for so much.")] = "",
    drop_affinity: Annotated[
        bool, typer.Option("--drop-affinity", help="Go anywhere: no node selector, either.")
    ] = False,
    drop_tolerations: Annotated[
        bool, typer.Option("--drop-tolerations", help="Tolerate no taint.")
    ] = False,
    tolerate: Annotated[list[str] | None, typer.Option(help="Key of a taint, or *.")] = None,
    drop_spread: Annotated[
        bool, typer.Option("--drop-spread", help="No topology spread constraints.")
    ] = False,
    priority: Annotated[int | None, typer.Option(help="Of the pod.")] = None,
    add_node: Annotated[
        list[str] | None, typer.Option(help="4x cpu=32,memory=128Gi,zone=a,key=value:NoSchedule")
    ] = None,
    remove_node: Annotated[list[str] | None, typer.Option(help="By name.")] = None,
    cases: Annotated[
        Path | None, typer.Option(help="Answer recorded cases, one a line; .gz or - for stdin.")
    ] = None,
    preemption: Annotated[
        bool, typer.Option("--preemption", help="Cases are answered with what is evicted.")
    ] = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say why something is waiting, what pods would fit, or why a pod is where it is."""
    if cases is not None or preemption:
        _answer_cases(cases, with_preemption=preemption, is_alone=not (words or what_if))
    if not words:
        fail(_NOTHING_NAMED)
    from shoal.cli import explain as explaining
    from shoal.cli.explain_pod import PodQuestion
    from shoal.cli.what_if_story import WhatIfFlags, whole_nodes

    async def body(client: "Client", namespace: str) -> None:
        names, added = whole_nodes(words, add_node or [])
        flags = WhatIfFlags(
            cpu=cpu,
            memory=memory,
            drop_affinity=drop_affinity,
            drop_tolerations=drop_tolerations,
            tolerate=tolerate or (),
            drop_spread=drop_spread,
            priority=priority,
            add_nodes=added,
            remove_nodes=remove_node or (),
        )
        changes = flags.changes()
        tried = changes if what_if or changes else None
        asked = PodQuestion(output, nodes, scheduler_config, tried)
        await explaining.explain(client, names, namespace, asked)

    run_connected(body, namespace, kubeconfig)


_NOTHING_NAMED = f"name {EXPLAINED}, or --cases"


def _answer_cases(path: Path | None, *, with_preemption: bool, is_alone: bool) -> NoReturn:
    from shoal.cli.explain_cases import answer_cases

    if path is None:
        fail("--preemption is for recorded cases; name a file of them with --cases")
    if not is_alone:
        fail("--cases answers the cases of its file; leave out names and --what-if")
    try:
        is_success = answer_cases(path, with_preemption=with_preemption)
    except CliError as error:
        fail(str(error))
    except BrokenPipeError:
        os._exit(0)
    raise typer.Exit(0 if is_success else 1)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option(help="Keep the temporary folder.")] = False,
    runtime: Annotated[str, typer.Option(help="auto, sandbox or process.")] = "auto",
) -> None:
    """Run the quick start: a pool, six tasks, autoscaling; takes half a minute."""
    from shoal.cli.demo import run_demo

    try:
        is_success = run_demo(keep=keep, runtime=runtime)
    except (CliError, OSError) as error:
        fail(str(error))
    raise typer.Exit(0 if is_success else 1)


@app.command()
def crds() -> None:
    """Print the definitions of Shoal's kinds, to be applied to a cluster."""
    import yaml

    from shoal.api.crds import all_crds

    typer.echo(yaml.safe_dump_all(all_crds(), sort_keys=False), nl=False)


@app.command()
def gpu_sniffer(
    node: Annotated[
        str, typer.Option(envvar="NODE_NAME", help="The node's name; that of this machine.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Look once instead of for ever.")] = False,
    interval: Annotated[str, typer.Option(help="Time between two looks.")] = "10s",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Write what GPUs this machine has to the Scv of its node, for the plugin yoda."""
    from shoal.cli import gpu_sniffer as sniffing

    async def body(client: "Client", _: str) -> None:
        name = node or sniffing.this_machine()
        await sniffing.sniff(client, name, sniffing.seconds(interval), is_once=once)

    run_connected(body, "", kubeconfig)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"shoal {shoal.__version__}")
