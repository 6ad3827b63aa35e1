"""Image globs of `shoal.yaml` and the commands they give."""

from shoal.agent.images import ImageMapping, NoProgram, Program, resolve
from shoal.api.pod import Container

MAPPINGS = [
    ImageMapping(match="acme/web:*", command=["serve"], env={"A": "1"}),
    ImageMapping(match="acme/*", args=["--all"]),
    ImageMapping(match="*", command=["never reached for acme"]),
]


def container(image, command=(), args=()):
    return Container(name="c", image=image, command=list(command), args=list(args))


def test_the_first_match_wins_and_replaces_the_command():
    program = resolve(container("acme/web:2", ["own"], ["x"]), MAPPINGS)
    assert program == Program(argv=["serve", "x"], env={"A": "1"})


def test_what_a_mapping_does_not_give_stays_the_containers_own():
    program = resolve(container("acme/job", ["own"], ["x"]), MAPPINGS)
    assert program == Program(argv=["own", "--all"], env={})


def test_without_a_match_the_containers_own_command_runs():
    assert resolve(container("x", ["own"]), []) == Program(argv=["own"], env={})


def test_without_a_match_and_a_command_the_container_cannot_run():
    answer = resolve(container("who/knows:1"), [])
    assert isinstance(answer, NoProgram)
    assert "who/knows:1" in answer.message
    assert "`kubectl run` needs --command before it" in answer.message


def test_a_mapping_without_a_command_is_named_as_the_cause():
    answer = resolve(container("acme/job"), MAPPINGS[1:2])
    assert isinstance(answer, NoProgram)
    assert '"acme/*"' in answer.message
