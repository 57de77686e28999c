"""Cutting a stream into frames."""

import itertools
import random

import pytest

from maillage.connectors.mllp.framing import Broken, Fault, Frames, Whole, framed

STREAM = framed(b"MSH|one") + framed(b"MSH|two\r\nPID|") + framed(b"x" * 300)
WHOLE = [Whole(b"MSH|one"), Whole(b"MSH|two\r\nPID|"), Whole(b"x" * 300)]


def fed(stream: bytes, *cuts: int, limit: int = 1000) -> list[Whole | Broken]:
    frames = Frames(limit)
    found: list[Whole | Broken] = []
    edges = [0, *sorted(cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        found += frames.feed(stream[start:end])
    return found + frames.end()


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_a_stream_may_be_cut_anywhere(cut: int) -> None:
    assert fed(STREAM, cut) == WHOLE


def test_a_stream_may_come_byte_by_byte_or_in_any_pieces() -> None:
    assert fed(STREAM, *range(len(STREAM))) == WHOLE
    dice = random.Random(7)
    for _ in range(200):
        assert fed(STREAM, *(dice.randrange(len(STREAM)) for _ in range(dice.randrange(9)))) == WHOLE


@pytest.mark.parametrize("kept", range(1, len(b"MSH|one") + 1))
def test_a_frame_that_never_ends_is_truncated(kept: int) -> None:
    assert fed(framed(b"MSH|zero") + framed(b"MSH|one")[: kept + 1]) == [
        Whole(b"MSH|zero"),
        Broken(Fault.TRUNCATED, b"MSH|one"[:kept]),
    ]


def test_a_frame_that_begins_inside_another_cuts_it() -> None:
    assert fed(b"\x0bMSH|lost" + framed(b"MSH|kept")) == [Broken(Fault.TRUNCATED, b"MSH|lost"), Whole(b"MSH|kept")]


def test_what_comes_outside_frames_is_kept_apart_and_blanks_are_nothing() -> None:
    assert fed(b"noise" + framed(b"MSH|a") + b"\r\n \n" + framed(b"MSH|b") + b"MSH|bare") == [
        Broken(Fault.UNFRAMED, b"noise"),
        Whole(b"MSH|a"),
        Whole(b"MSH|b"),
        Broken(Fault.UNFRAMED, b"MSH|bare"),
    ]


def test_noise_without_end_does_not_fill_the_memory() -> None:
    frames = Frames(1000)
    for _ in range(100):
        assert frames.feed(b"n" * 65536) == []
    [noise] = frames.end()
    assert len(noise.content) == 64 * 1024


def test_a_carriage_return_missing_after_the_end_is_forgiven() -> None:
    assert fed(b"\x0bMSH|a\x1c\x0bMSH|b\x1c\r") == [Whole(b"MSH|a"), Whole(b"MSH|b")]


def test_a_frame_of_the_greatest_length_passes_and_one_byte_more_does_not() -> None:
    assert fed(framed(b"x" * 1000)) == [Whole(b"x" * 1000)]
    [broken] = fed(framed(b"x" * 1001), 500)
    assert broken.fault is Fault.OVERSIZE
    assert len(broken.content) == 1001


def test_after_an_oversize_frame_nothing_more_is_read() -> None:
    frames = Frames(10)
    assert [event.fault for event in frames.feed(b"\x0b" + b"x" * 11)] == [Fault.OVERSIZE]
    assert frames.closed
    assert frames.feed(framed(b"MSH|a")) == []
