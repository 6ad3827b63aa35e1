"""Sharing among equal pods must never show: results equal those of judging every pod afresh."""

from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.profile import Profile, build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.signing import Fragments, Signature
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import NodeBuilder, make_node, make_pod


def build(cache: Cache) -> Profile:
    handle = Handle(cache.snapshot, WaitingPods())
    return build_profiles(DEFAULT_PROFILES, in_tree_registry(), handle)["shoal"]


def outcome(evaluation: Evaluation) -> tuple[object, dict[str, int] | str]:
    choice = evaluation.choose()
    if not isinstance(choice, int):
        return choice, evaluation.diagnose().message
    totals = {str(row): evaluation.scores().total(row) for row in evaluation.feasible_rows()}
    return choice, totals if len(totals) > 1 else {}


TEMPLATES = (
    make_pod("a").req(cpu="500m", memory="1Gi"),
    make_pod("b").req(cpu="2", memory="512Mi").toleration("soft"),
    make_pod("c").req({"example.com/gpu": "1"}).toleration("hard"),
    make_pod("d").container(),
)


def node(name: str, kind: int, cpu: int) -> NodeBuilder:
    made = make_node(name).capacity(cpu=str(cpu), memory="4Gi", pods="4")
    match kind:
        case 1:
            return made.taint("soft", effect="PreferNoSchedule")
        case 2:
            return made.taint("hard").capacity({"example.com/gpu": "2"}, cpu=str(cpu))
        case 3:
            return made.unschedulable()
        case _:
            return made


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("schedule"), st.integers(0, 3), st.just(0), st.just(0)),
        st.tuples(st.just("node"), st.integers(0, 4), st.integers(0, 3), st.integers(1, 4)),
        st.tuples(st.just("drop"), st.integers(0, 4), st.just(0), st.just(0)),
        st.tuples(st.just("finish"), st.integers(0, 30), st.just(0), st.just(0)),
    ),
    min_size=5,
    max_size=80,
)


@given(STEPS)
def test_a_shared_evaluation_says_what_a_fresh_one_says(
    steps: list[tuple[str, int, int, int]],
) -> None:
    cache = Cache()
    profile = build(cache)
    shared = Evaluations(cache.snapshot)
    placed: list[str] = []
    cache.set_node(node("n0", 0, 4).obj())
    for number, (step, which, kind, cpu) in enumerate(steps):
        match step:
            case "node":
                cache.set_node(node(f"n{which}", kind, cpu).obj())
            case "drop":
                cache.remove_node(f"n{which}")
            case "finish" if placed:
                cache.forget(placed.pop(which % len(placed)))
            case "schedule":
                pod = pod_info.of(TEMPLATES[which].uid(f"p{number}").obj())
                kept = shared.get(profile, profile.points.signer.sign(pod), pod)
                fresh = Evaluation(profile.points, pod, cache.snapshot)
                assert outcome(kept) == outcome(fresh)
                choice = fresh.choose()
                if isinstance(choice, int):
                    cache.assume(pod, cache.snapshot.node(choice).name)
                    placed.append(pod.uid)
            case _:
                pass


def points() -> tuple[Cache, ExtensionPoints]:
    cache = Cache()
    return cache, build(cache).points


def test_the_table_may_outgrow_an_evaluation() -> None:
    cache, made = points()
    cache.set_node(make_node("n0").capacity(cpu="1").obj())
    evaluation = Evaluation(made, pod_info.of(make_pod("a").req(cpu="2").obj()), cache.snapshot)
    assert not isinstance(evaluation.choose(), int)
    for number in range(1, 300):
        cache.set_node(make_node(f"n{number}").capacity(cpu="1").obj())
    cache.set_node(make_node("fits").capacity(cpu="4").obj())
    assert evaluation.choose() == 300


def test_the_class_that_was_not_asked_for_longest_makes_room() -> None:
    cache, made = points()
    cache.set_node(make_node("n0").capacity(cpu="1").obj())
    profile = Profile("test", made)
    pod = pod_info.of(make_pod("a").obj())
    size_bytes = Evaluation(made, pod, cache.snapshot).size_bytes
    kept = Evaluations(cache.snapshot, limit_bytes=2 * size_bytes)
    one, two, three = (shared(text) for text in "123")
    first, second = kept.get(profile, one, pod), kept.get(profile, two, pod)
    assert kept.get(profile, one, pod) is first
    kept.get(profile, three, pod)
    assert kept.get(profile, one, pod) is first
    assert kept.get(profile, two, pod) is not second


def shared(text: str) -> Signature:
    """Of several pods."""
    fragments = Fragments((text,))
    fragments.is_shared = True
    return Signature(fragments, None)


def test_a_pod_like_no_other_leaves_nothing_behind() -> None:
    cache, made = points()
    kept = Evaluations(cache.snapshot)
    first, twin = (pod_info.of(make_pod("a").uid(uid).obj()) for uid in ("1", "2"))
    profile = Profile("test", made)
    signature = made.signer.sign(first)
    assert kept.get(profile, signature, first) is not kept.get(profile, signature, first)
    signature = made.signer.sign(twin)
    assert kept.get(profile, signature, first) is kept.get(profile, signature, twin)


def test_a_pod_without_signature_is_judged_by_itself() -> None:
    cache, made = points()
    kept = Evaluations(cache.snapshot)
    pod = pod_info.of(make_pod("a").obj())
    profile = Profile("test", made)
    nobody = Signature(None, None)
    assert kept.get(profile, nobody, pod) is not kept.get(profile, nobody, pod)


def test_reasons_are_sorted_as_text() -> None:
    diagnosis = Diagnosis(16, {"b": 10, "a": 2, "c": 4})
    assert diagnosis.message == "0/16 nodes are available: 10 b, 2 a, 4 c."


def test_what_post_filter_says_comes_last() -> None:
    diagnosis = Diagnosis(1, {"a": 1}, post_filter_message="preemption: not eligible")
    assert diagnosis.message == "0/1 nodes are available: 1 a. preemption: not eligible"


def test_a_pre_filter_message_stands_for_all_nodes() -> None:
    assert Diagnosis(3, pre_filter_message="no").message == "0/3 nodes are available: no."
