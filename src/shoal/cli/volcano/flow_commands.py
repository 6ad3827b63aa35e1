"""`shoal jobflow` and `shoal jobtemplate`: their subcommands, which are the same for both."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from shoal.cli.options import AllNamespaces, Kubeconfig, Namespace, run_connected
from shoal.cli.output import OutputFormat, fail
from shoal.cli.volcano.naming import NameArgument, NameFlag, the_name

if TYPE_CHECKING:
    from shoal.cli.volcano.flows import FlowKind
    from shoal.client.protocol import Client

FlowFiles = Annotated[
    list[str] | None, typer.Option("--file", "--filename", "-f", help="File, folder, or -.")
]
_DESCRIBED = (OutputFormat.YAML, OutputFormat.JSON)


def _kind(word: str) -> "FlowKind[Any]":
    from shoal.cli.volcano import flows

    return flows.FLOW if word == "jobflow" else flows.TEMPLATE


def _flow_app(word: str, help: str) -> typer.Typer:
    """The subcommands for one of the two kinds."""
    app = typer.Typer(help=help, no_args_is_help=True)
    _add_making(app, word)
    _add_showing(app, word)
    return app


def _add_making(app: typer.Typer, word: str) -> None:
    @app.command(help=f"Create each {word} of a file.")
    def create(
        file: FlowFiles = None, namespace: Namespace = "", kubeconfig: Kubeconfig = None
    ) -> None:
        from shoal.cli.volcano import flows

        if not file:
            fail("name a file, a folder or - with -f")
        run_connected(
            lambda client, where: flows.create(client, _kind(word), file, where),
            namespace,
            kubeconfig,
        )

    @app.command(help=f"Delete a {word}, or each one of a file.")
    def delete(
        name: NameArgument = "",
        flag: NameFlag = "",
        file: FlowFiles = None,
        namespace: Namespace = "",
        kubeconfig: Kubeconfig = None,
    ) -> None:
        from shoal.cli.volcano import flows

        named = "" if file else the_name(name, flag, word)
        run_connected(
            lambda client, where: flows.delete(client, _kind(word), where, named, file or ()),
            namespace,
            kubeconfig,
        )


def _add_showing(app: typer.Typer, word: str) -> None:
    @app.command("list", help=f"List each {word}.")
    def list_all(
        namespace: Namespace = "",
        all_namespaces: AllNamespaces = False,
        kubeconfig: Kubeconfig = None,
    ) -> None:
        from shoal.cli.volcano import flows

        async def body(client: "Client", where: str) -> None:
            await flows.show(client, _kind(word), "" if all_namespaces else where)

        run_connected(body, namespace, kubeconfig)

    @app.command(help=f"Show one {word} as `list` does.")
    def get(
        name: NameArgument = "",
        flag: NameFlag = "",
        namespace: Namespace = "",
        kubeconfig: Kubeconfig = None,
    ) -> None:
        from shoal.cli.volcano import flows

        named = the_name(name, flag, word)
        run_connected(
            lambda client, where: flows.show(client, _kind(word), where, named),
            namespace,
            kubeconfig,
        )

    @app.command(help=f"Print a {word} in full; all of them without a name.")
    def describe(
        name: NameArgument = "",
        flag: NameFlag = "",
        namespace: Namespace = "",
        output: Annotated[
            OutputFormat, typer.Option("--format", "--output", "-o", help="yaml or json.")
        ] = OutputFormat.YAML,
        kubeconfig: Kubeconfig = None,
    ) -> None:
        from shoal.cli.volcano import flows

        if output not in _DESCRIBED:
            fail(f"unsupported format {output}; use yaml or json")
        named = the_name(name, flag, word) if name or flag else ""
        run_connected(
            lambda client, where: flows.describe(client, _kind(word), where, named, output),
            namespace,
            kubeconfig,
        )


flow_app = _flow_app("jobflow", "Flows: jobs that follow each other.")
template_app = _flow_app("jobtemplate", "What the jobs of flows are made from.")
