"""What `shoal demo` shows: tasks by phase, executors, and the pool's size over time.

On a terminal it is drawn in place; elsewhere a line is printed whenever something changed.
"""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from shoal.api.ploto import Task, TaskPhase
from shoal.cli.progress import Progress, Sample, ran_well

_PHASE_STYLES = {
    TaskPhase.PENDING: "yellow",
    TaskPhase.RUNNING: "cyan",
    TaskPhase.COMPLETED: "green",
    TaskPhase.FAILED: "red",
}
_BLOCKS = "▁▂▃▄▅▆▇█"
_GRAPH_WIDTH = 60


class DemoView:
    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._last_line = ""

    def say(self, text: str) -> None:
        self._console.print(text)

    @contextmanager
    def live(self) -> Generator[None]:
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            self._live = live
            yield
        self._live = None

    def show(self, progress: Progress) -> None:
        sample = progress.last
        if sample is None:
            return
        if self._live is not None:
            self._live.update(_picture(progress, sample))
            return
        line = _line(sample)
        if line != self._last_line:
            self._last_line = line
            self._console.print(f"{sample.at_s:5.1f} s  {line}")

    def finish(self, progress: Progress) -> None:
        """The summary: a row a task, then what was promised and what came of it."""
        last = progress.last
        if last is None:
            self.say("Nothing was seen.")
            return
        self._console.print(_task_table(last.tasks, with_times=True))
        self._console.print(_executor_graph(progress, last))
        for text, is_kept in _promises(progress, last):
            self._console.print(Text("yes " if is_kept else "NO  ", _verdict_style(is_kept)) + text)


def _verdict_style(is_kept: bool) -> str:
    return "bold green" if is_kept else "bold red"


def _promises(progress: Progress, last: Sample) -> list[tuple[Text, bool]]:
    completed = sum(ran_well(task) for task in last.tasks)
    return [
        (
            Text(f"{completed} of {progress.task_count} tasks completed on executors"),
            completed == progress.task_count,
        ),
        (
            Text(f"the pool grew from {last.minimum} to {progress.peak} executors"),
            progress.peak > last.minimum,
        ),
        (
            Text(f"the pool came back to {last.total} after {last.at_s:.0f} s"),
            last.total == last.minimum,
        ),
    ]


def _picture(progress: Progress, sample: Sample) -> RenderableType:
    return Group(
        Panel(_task_table(sample.tasks, with_times=False), title="tasks", title_align="left"),
        Panel(
            Group(_executor_bar(sample), _executor_graph(progress, sample)),
            title=f"executors after {sample.at_s:.0f} s",
            title_align="left",
        ),
    )


def _line(sample: Sample) -> str:
    phases = ", ".join(f"{sample.phases[phase]} {phase.value.lower()}" for phase in TaskPhase)
    return f"tasks: {phases}; executors: {sample.busy} busy of {sample.total}"


def _task_table(tasks: tuple[Task, ...], *, with_times: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for head in ("task", "para", "phase", "executor"):
        table.add_column(head)
    if with_times:
        table.add_column("waited", justify="right")
        table.add_column("ran", justify="right")
    for task in sorted(tasks, key=lambda each: each.metadata.name):
        phase = Text(task.phase.value, _PHASE_STYLES[task.phase])
        cells: list[RenderableType] = [
            task.metadata.name,
            task.spec.para,
            phase,
            task.status.executor_pod_name or "-",
        ]
        table.add_row(*cells, *(_times(task) if with_times else ()))
    return table


def _times(task: Task) -> tuple[str, str]:
    created = task.metadata.creation_timestamp
    started, finished = task.status.started_at, task.status.finished_at
    waited = (
        f"{max(0.0, (started - created).total_seconds()):.0f} s" if started and created else "-"
    )
    ran = f"{(finished - started).total_seconds():.0f} s" if finished and started else "-"
    return waited, ran


def _executor_bar(sample: Sample) -> Text:
    idle = sample.total - sample.busy
    free = max(0, sample.maximum - sample.total)
    bar = Text("■ " * sample.busy, "cyan") + Text("□ " * idle, "green") + Text("· " * free, "dim")
    return bar + Text(f" {sample.busy} busy, {idle} idle, at most {sample.maximum}")


def _executor_graph(progress: Progress, sample: Sample) -> Text:
    """The pool's size over time, scaled to its maximum."""
    sizes = progress.sizes
    width = min(_GRAPH_WIDTH, len(sizes))
    shown = [sizes[(i + 1) * len(sizes) // width - 1] for i in range(width)]
    top = max(sample.maximum, 1)
    blocks = "".join(
        _BLOCKS[min(len(_BLOCKS) - 1, size * len(_BLOCKS) // (top + 1))] for size in shown
    )
    return Text("size over time ", "dim") + Text(blocks, "blue")
