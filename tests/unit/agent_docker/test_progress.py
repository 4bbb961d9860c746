"""A pull or a build that fails in the middle: the lines before it, then the failure."""

from __future__ import annotations

import json

import pytest

from fairlead.api.v1 import docker_pb2 as pb
from fairlead_testing.people_engine import ScriptedEngine, called
from fairlead_wire.docker_calls import BLOCK_BYTES

STEP = b'{"stream":"Step 1/2 : RUN echo \\"error\\""}\r\n'


def failed(sentence: str) -> bytes:
    return json.dumps({"errorDetail": {"message": sentence}, "error": sentence}).encode() + b"\r\n"


async def built(*blocks: bytes) -> tuple[bytes, str, str, str]:
    engine = ScriptedEngine(streams={"POST /build": blocks})
    request = pb.BuildImageRequest(target=pb.BuildTarget(node="nodes/lab-1"))
    heard = await called(engine, "BuildImage", request)
    failure = heard.failure
    told = (failure.code, failure.message, failure.next_step) if failure is not None else ("", "", "")
    return (b"".join(answer.data for answer in heard.answers), *told)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_lines_before_a_failure_are_passed_on(size: int) -> None:
    wire = STEP + failed("The command '/bin/sh -c false' returned a non-zero code: 1") + STEP
    blocks = [wire[at : at + size] for at in range(0, len(wire), size)]
    output, code, message, _ = await built(*blocks)
    assert output == STEP
    assert (code, message) == ("INVALID_ARGUMENT", "The command '/bin/sh -c false' returned a non-zero code: 1.")


async def test_what_a_build_prints_is_no_failure() -> None:
    assert await built(STEP, b'{"aux":{"ID":"sha256:57"}}') == (STEP + b'{"aux":{"ID":"sha256:57"}}', "", "", "")


@pytest.mark.parametrize(
    "sentence",
    [
        "the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how",
        "the --chmod option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how",
    ],
)
async def test_what_needs_buildkit(sentence: str) -> None:
    _, code, message, step = await built(failed(sentence))
    assert code == "FAILED_PRECONDITION"
    assert message == f"This Dockerfile needs BuildKit, which is not available here: {sentence.partition('. ')[0]}."
    assert "heredocs" in step


async def test_a_heredoc_is_an_unknown_instruction_to_the_classic_builder() -> None:
    _, code, message, step = await built(failed("dockerfile parse error line 4: unknown instruction: ECHO"))
    assert code == "INVALID_ARGUMENT"
    assert "line 4" in message
    assert "heredoc" in step


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("RUN <<EOF", True),
        ("RUN cat > /x <<-'END'", True),
        ('RUN cat <<"END" && true', True),
        ("COPY <<EOF /x", True),
        ("RUN echo $((1<<2)) a << 3", False),
        ("RUN cat <<< word", False),
        ("LABEL a=<<EOF", False),
    ],
)
async def test_a_heredoc_whose_content_newer_engines_would_drop(line: str, refused: bool) -> None:
    told = json.dumps({"stream": f"Step 2/2 : {line}"}, separators=(",", ":")).replace("<", "\\u003c").encode()
    _, code, message, _ = await built(STEP, told + b"\r\n")
    assert code == ("FAILED_PRECONDITION" if refused else "")
    assert ("heredoc (step 2)" in message) == refused


async def test_the_context_goes_on_as_it_comes() -> None:
    engine = ScriptedEngine(streams={"POST /build": []})
    target = pb.BuildTarget(tags=["a:1", "b"], dockerfile="D", arguments={"A": "b"}, no_cache=True, labels={"l": "m"})
    blocks = [pb.BuildImageRequest(data=data) for data in (b"one", b"", b"two")]
    heard = await called(engine, "BuildImage", pb.BuildImageRequest(target=target), *blocks)
    assert heard.failure is None
    assert engine.sent == [b"one", b"two"]
    query = engine.asked[0].query
    assert (query["t"], query["dockerfile"], query["nocache"]) == (["a:1", "b"], "D", "1")
    assert (query["buildargs"], query["labels"]) == ('{"A": "b"}', '{"l": "m"}')
    assert not {"target", "pull", "networkmode"} & set(query)


async def test_a_second_target_is_refused() -> None:
    engine = ScriptedEngine(streams={"POST /build": []})
    target = pb.BuildImageRequest(target=pb.BuildTarget())
    heard = await called(engine, "BuildImage", target, target)
    assert heard.failure is not None
    assert heard.failure.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("reference", "repository", "tag"),
    [
        ("nginx", "nginx", "latest"),
        ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b", "1"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a", "latest"),
        ("a@sha256:57", "a", "sha256:57"),
    ],
)
async def test_a_pull_names_its_image(reference: str, repository: str, tag: str) -> None:
    engine = ScriptedEngine(streams={"POST /images/create": [b'{"status":"done"}\r\n']})
    heard = await called(engine, "PullImage", pb.PullImageRequest(reference=reference))
    assert heard.failure is None
    assert (engine.asked[0].query, engine.asked[0].repository) == ({"fromImage": repository, "tag": tag}, repository)


async def test_long_lines_fit_into_frames() -> None:
    line = json.dumps({"stream": "x" * (2 * BLOCK_BYTES)}).encode()
    engine = ScriptedEngine(streams={"POST /build": [line[:1000], line[1000:], b"\r\n"]})
    heard = await called(engine, "BuildImage", pb.BuildImageRequest(target=pb.BuildTarget()))
    assert b"".join(answer.data for answer in heard.answers) == line + b"\r\n"
    assert max(len(answer.data) for answer in heard.answers) <= BLOCK_BYTES
