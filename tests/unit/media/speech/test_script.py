"""media.speech.script: which part of a text is whose. The expectations are by ear, not by the program."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.speech.script import by_script


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("您好", [("您好", False)]),
        ("您的 order 已发货", [("您的", False), ("order", True), ("已发货", False)]),
        ("order已发货", [("order", True), ("已发货", False)]),
        ("请打开 WiFi", [("请打开", False), ("WiFi", True)]),
        # Letters have names in Chinese.
        ("您好 V I P 会员", [("您好 V I P 会员", False)]),
        ("U盘", [("U盘", False)]),
        # Words that belong together stay together.
        ("请说 book a table 谢谢", [("请说", False), ("book a table", True), ("谢谢", False)]),
        ("it's fine, thank you。", [("it's fine, thank you", True), ("。", False)]),
        ("A 座 Plan B", [("A 座", False), ("Plan", True), ("B", False)]),
        ("", []),
        ("  ", []),
    ],
)
def test_words_are_english_and_all_else_is_chinese(text: str, pieces: list[tuple[str, bool]]) -> None:
    assert list(by_script(text)) == pieces


@given(st.text(alphabet="你好，。 abAB'-.", max_size=40))
def test_nothing_is_lost_and_nothing_is_turned_round(text: str) -> None:
    joined = "".join(piece for piece, _ in by_script(text))
    assert joined.replace(" ", "") == text.replace(" ", "")


@given(st.text(alphabet="你好 abAB", max_size=40))
def test_scripts_alternate(text: str) -> None:
    kinds = [latin for _, latin in by_script(text)]
    assert all(a != b for a, b in pairwise(kinds)) or not any(kinds)
