"""What people read of images on their way."""

from __future__ import annotations

import pytest

from fairlead.api.v1 import images_pb2
from fairlead_cli.render.missing_images import amount, missing_lines
from fairlead_cli.render.prefetch import DONE, FAILED, FETCHING, LiveDisplay, News, PlainDisplay, Progress

MIB = 2**20


def image(node: str, name: str, size: int = 0, in_fleet: bool = True) -> images_pb2.MissingImage:
    return images_pb2.MissingImage(node=node, reference=f"a.b/{name}:1", size_bytes=size, in_fleet=in_fleet)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([image("n", "a", 3 * MIB)], "1 image, 3 MiB"),
        ([image("n", "a", MIB), image("n", "b", MIB)], "2 images, 2 MiB"),
        (
            [image("n", "a", MIB), image("n", "b", 0, False)],
            "2 images, 1 MiB; 1 of them from its own registry, of unknown size",
        ),
        ([image("n", "a", 0, False)], "1 image; from its own registry, of unknown size"),
        (
            [image("n", "a", 0, False), image("n", "b", 0, False)],
            "2 images; from their own registries, of unknown size",
        ),
        ([image("n", "a", MIB, False)], "1 image, 1 MiB; from its own registry"),
    ],
)
def test_an_amount(images: list[images_pb2.MissingImage], said: str) -> None:
    assert amount(images) == said


def test_a_line_a_node_and_what_brings_them() -> None:
    answer = images_pb2.FindMissingImagesResponse(
        images=[image("web-10", "a", MIB), image("web-2", "a", MIB), image("web-2", "b", MIB)],
        unreachable_nodes=["web-3"],
    )
    assert missing_lines(answer, "", "my cluster.yaml", "fairlead --context lab") == [
        "",
        "To be fetched for it:",
        "  web-10  1 image, 1 MiB",
        "  web-2   2 images, 2 MiB",
        "  web-3   could not be asked",
        "`fairlead --context lab images prefetch -f 'my cluster.yaml'` brings them there before anything is changed.",
    ]


def test_nothing_where_nothing_is_missing_and_a_sentence_where_nobody_can_tell() -> None:
    assert missing_lines(images_pb2.FindMissingImagesResponse(), "", "c.yaml") == []
    assert missing_lines(None, "", "c.yaml") == []
    said = ["", "What nodes have to fetch is not known: Nobody answers."]
    assert missing_lines(None, "Nobody answers.", "c.yaml") == said


def news(of: images_pb2.MissingImage, state: images_pb2.PrefetchState.ValueType, message: str = "") -> News:
    return News(image=of, state=state, message=message)


EXPECTED = images_pb2.FindMissingImagesResponse(images=[image("web-1", "a", MIB), image("web-1", "b", MIB)])
STORY = (
    news(image("web-1", "a", MIB), FETCHING),
    news(image("web-1", "a", MIB), DONE),
    news(image("web-1", "b", MIB), FETCHING),
    news(images_pb2.MissingImage(node="web-2"), FAILED, "It is away."),
    news(image("web-1", "b", MIB), FAILED, "The disk is full."),
)


def test_plain_lines_for_logs() -> None:
    written: list[str] = []
    progress = Progress(EXPECTED, lambda: 0.0)
    shown = PlainDisplay(written.append, progress)
    for each in STORY:
        progress.take(each)
        shown.show(each)
    assert written == [
        "web-1  0/2  fetching a.b/a:1 (1 MiB)",
        "web-1  1/2  has a.b/a:1",
        "web-1  1/2  fetching a.b/b:1 (1 MiB)",
        "web-2  failed",
        "web-1  failed: a.b/b:1",
    ]
    assert [failure.message for failure in progress.failures] == ["It is away.", "The disk is full."]


def test_a_live_line_a_node() -> None:
    now = 0.0
    progress = Progress(EXPECTED, lambda: now)
    shown = LiveDisplay(progress)

    def cells() -> list[list[str]]:
        return [[str(cell) for cell in column.cells][:2] for column in list(shown._table().columns)[1:]]

    progress.take(STORY[0])
    now = 3.0
    assert cells() == [["web-1"], ["0/2 images"], ["0 of 2 MiB"], ["a.b/a:1"], ["3.0 s"]]
    for each in STORY[1:]:
        progress.take(each)
    assert cells() == [
        ["web-1", "web-2"],
        ["1/2 images", "0/1 images"],
        ["1 MiB of 2 MiB", ""],
        ["1 failed", "1 failed"],
        ["", ""],
    ]
