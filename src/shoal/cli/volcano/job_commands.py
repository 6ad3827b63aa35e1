"""`shoal job` and `shoal pod`: their subcommands and their flags."""

from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.options import AllNamespaces, Kubeconfig, Namespace, run_connected
from shoal.cli.output import fail
from shoal.cli.volcano.naming import NameArgument, NameFlag, the_name

if TYPE_CHECKING:
    from shoal.client.protocol import Client

app = typer.Typer(help="Jobs: tasks of pods that are placed together.", no_args_is_help=True)
pod_app = typer.Typer(help="The pods of jobs and queues.", no_args_is_help=True)

Wait = Annotated[bool, typer.Option(help="Return when it is so.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)]
OfQueue = Annotated[str, typer.Option("--queue", "-q", help="Only of this queue.")]


@app.command()
def run(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND", show_default=False)
    ] = None,
    name: Annotated[str, typer.Option("--name", "-N", help="Of the job.")] = "",
    namespace: Namespace = "",
    image: Annotated[str, typer.Option("--image", "-i", help="Of the container.")] = "busybox",
    min_available: Annotated[
        int, typer.Option("--min", "-m", help="Fewer pods are not placed.", min=0)
    ] = 1,
    replicas: Annotated[int, typer.Option("--replicas", "-r", help="Pods.", min=0)] = 1,
    requests: Annotated[
        str, typer.Option("--requests", "-R", help="Of each pod.")
    ] = "cpu=1000m,memory=100Mi",
    limits: Annotated[
        str, typer.Option("--limits", "-L", help="Of each pod.")
    ] = "cpu=1000m,memory=100Mi",
    scheduler: Annotated[str, typer.Option("--scheduler", "-S", help="Its name.")] = "volcano",
    queue: Annotated[str, typer.Option("--queue", "-q", help="Where it waits.")] = "",
    filename: Annotated[
        list[str] | None, typer.Option("--filename", "-f", help="Manifests, instead of flags.")
    ] = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Make a job of equal pods, or those of a file."""
    if not name and not filename:
        fail("job name cannot be left blank; give --name, or a file with -f")
    from shoal.cli.volcano import jobs

    async def body(client: "Client", namespace: str) -> None:
        if filename:
            await jobs.run_files(client, filename, namespace)
            return
        flags = jobs.RunFlags(
            name=name,
            image=image,
            min_available=min_available,
            replicas=replicas,
            requests=requests,
            limits=limits,
            scheduler=scheduler,
            queue=queue,
            command=command or (),
        )
        await jobs.run_job(client, flags, namespace)

    run_connected(body, namespace, kubeconfig)


@app.command("list")
def list_all(
    namespace: Namespace = "",
    queue: OfQueue = "",
    scheduler: Annotated[
        str, typer.Option("--scheduler", "-S", help="Only of this scheduler.")
    ] = "",
    all_namespaces: AllNamespaces = False,
    selector: Annotated[str, typer.Option(help="A part of the name.")] = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """List jobs, with their pods by phase."""
    from shoal.cli.volcano import jobs

    wanted = jobs.JobFilter(queue=queue, scheduler=scheduler, part_of_name=selector)
    run_connected(
        lambda client, where: jobs.list_jobs(client, where, wanted, all_namespaces=all_namespaces),
        namespace,
        kubeconfig,
    )


@app.command()
def view(
    name: NameArgument = "",
    flag: NameFlag = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show a job with its tasks, its PodGroup, its pods and what has happened."""
    from shoal.cli.volcano import job_view

    job = the_name(name, flag, "job")
    run_connected(
        lambda client, where: job_view.view_job(client, job, where), namespace, kubeconfig
    )


@app.command()
def suspend(
    name: NameArgument = "",
    flag: NameFlag = "",
    namespace: Namespace = "",
    wait: Wait = True,
    timeout: Timeout = 60,
    kubeconfig: Kubeconfig = None,
) -> None:
    """End the pods of a job, and keep it for later."""
    from shoal.cli.volcano import jobs

    job = the_name(name, flag, "job")
    limit_s = timeout if wait else None
    run_connected(
        lambda client, where: jobs.suspend_job(client, job, where, limit_s), namespace, kubeconfig
    )


@app.command()
def resume(
    name: NameArgument = "",
    flag: NameFlag = "",
    namespace: Namespace = "",
    wait: Wait = True,
    timeout: Timeout = 60,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Start a suspended job anew."""
    from shoal.cli.volcano import jobs

    job = the_name(name, flag, "job")
    limit_s = timeout if wait else None
    run_connected(
        lambda client, where: jobs.resume_job(client, job, where, limit_s), namespace, kubeconfig
    )


@app.command()
def delete(
    name: NameArgument = "",
    flag: NameFlag = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Delete a job with all that is its own."""
    from shoal.cli.volcano import jobs

    job = the_name(name, flag, "job")
    run_connected(lambda client, where: jobs.delete_job(client, job, where), namespace, kubeconfig)


@pod_app.callback()
def pod() -> None:
    """The pods of jobs and queues."""


@pod_app.command("list")
def list_pods(
    namespace: Namespace = "",
    queue: OfQueue = "",
    job: Annotated[str, typer.Option("--job", "-j", help="Only of this job.")] = "",
    all_namespaces: AllNamespaces = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List the pods of jobs; of a queue also those that no job made."""
    from shoal.cli.volcano import pods

    run_connected(
        lambda client, where: pods.list_pods(
            client, where, job=job, queue=queue, all_namespaces=all_namespaces
        ),
        namespace,
        kubeconfig,
    )
