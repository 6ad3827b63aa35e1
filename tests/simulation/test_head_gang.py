"""A large gang at the head of its queue starts, however many small jobs come by."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.simulation.stream import Stream, gang_starts_after

streams = st.builds(
    Stream,
    nodes=st.integers(1, 4),
    cpus=st.integers(1, 4),
    gang=st.just(1),
    arrives=st.integers(5, 15),
    durations=st.lists(st.integers(1, 15), min_size=1, max_size=4).map(tuple),
    strategy=st.sampled_from(("fifo", "traverse")),
    knows_durations=st.booleans(),
).flatmap(lambda s: st.integers(1, s.nodes).map(lambda gang: replace(s, gang=gang)))


@settings(max_examples=25)
@given(streams)
def test_a_head_gang_starts_once_the_jobs_before_it_have_ended(stream: Stream) -> None:
    longest = max(stream.durations)
    assert gang_starts_after(stream, most=4 * longest + 5) is not None


@settings(max_examples=15)
@given(streams)
# The gang finds no room in the very round in which the holder of a reservation starts.
@example(Stream(1, 4, 1, 9, (8, 15, 6, 15), "traverse", knows_durations=True))
@example(Stream(4, 4, 4, 13, (9, 8, 14), "traverse", knows_durations=True))
def test_jobs_that_fill_in_do_not_delay_the_head_gang_of_a_whole_cluster(stream: Stream) -> None:
    whole = replace(stream, gang=stream.nodes, knows_durations=True)
    most = 4 * max(stream.durations) + 5
    alone = gang_starts_after(replace(whole, goes_on=False), most)
    amid = gang_starts_after(whole, most)
    assert alone is not None
    assert amid is not None
    assert amid <= alone + 1
