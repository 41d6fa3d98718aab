"""Copying a frame out of the binding's vector: the same bytes as by the slow way, or the slow way."""

import os

import pjsua2 as pj
import pytest

from sip.pjsua.tap import best_copy, copy_by_pointer


def vector_of(pcm: bytes) -> pj.ByteVector:
    vector = pj.ByteVector()
    for byte in pcm:
        vector.append(byte)
    return vector


@pytest.mark.parametrize("size", [1, 2, 319, 320, 640, 5000])
def test_copy_by_pointer_has_the_same_bytes(size: int) -> None:
    pcm = os.urandom(size)
    vector = vector_of(pcm)
    assert copy_by_pointer(vector) == bytes(vector) == pcm


def test_empty_vector_gives_no_bytes() -> None:
    assert copy_by_pointer(pj.ByteVector()) == b""


def test_copy_is_not_changed_by_what_comes_after_it() -> None:
    vector = vector_of(b"\x01\x02")
    copy = copy_by_pointer(vector)
    vector.append(3)
    assert copy == b"\x01\x02"


def test_pointers_are_used_where_they_tell_the_size_of_the_frame() -> None:
    assert best_copy(vector_of(bytes(320)), 320) is copy_by_pointer


@pytest.mark.parametrize("size", [0, 319, 321])
def test_slow_way_is_taken_where_they_do_not(size: int) -> None:
    assert best_copy(vector_of(bytes(320)), size) is bytes
