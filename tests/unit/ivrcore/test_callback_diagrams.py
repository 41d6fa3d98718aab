"""The drawn state diagram says what the callback does, and can be read."""

import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "state_diagrams.py"
PICTURE = ROOT / "docs" / "states" / "callback.svg"
PAGE = ROOT / "docs" / "states" / "callback.md"
SVG = "{http://www.w3.org/2000/svg}"
WIDEST_GLYPH_PX = 7.6
"""Mean advance of a label's letters at 13 px, from above: the longest label, 33 letters, takes 226 px
in DejaVu Sans, the widest font of the list."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


class Box(NamedTuple):
    """What a text or a state covers, in px."""

    what: str
    left: float
    top: float
    right: float
    bottom: float

    def covers(self, other: "Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.parse(PICTURE).getroot()


def states_of(picture: ElementTree.Element) -> list[Box]:
    boxes = []
    for rect in picture.iter(f"{SVG}rect"):
        if rect.get("class") is not None:
            left, top = float(rect.attrib["x"]), float(rect.attrib["y"])
            right, bottom = left + float(rect.attrib["width"]), top + float(rect.attrib["height"])
            boxes.append(Box("state", left, top, right, bottom))
    return boxes


def labels_of(picture: ElementTree.Element) -> list[Box]:
    boxes = []
    for text in picture.iter(f"{SVG}text"):
        if text.get("class") == "name":
            continue
        words = text.text or ""
        width = len(words) * WIDEST_GLYPH_PX
        left = (
            float(text.attrib["x"])
            - {"start": 0, "middle": width / 2, "end": width}[text.attrib["text-anchor"]]
        )
        base = float(text.attrib["y"])
        boxes.append(Box(words, left, base - 11, left + width, base + 3))
    return boxes


def test_documents_are_what_the_walk_draws() -> None:
    checked = run("--check")
    assert checked.returncode == 0, checked.stderr


def test_check_names_every_stale_or_missing_document(tmp_path: Path) -> None:
    assert run("--directory", str(tmp_path)).returncode == 0
    assert run("--check", "--directory", str(tmp_path)).returncode == 0
    page, drawn = tmp_path / PAGE.name, tmp_path / PICTURE.name
    page.write_text(page.read_text(encoding="utf-8").replace("LegRang", "LegSang"), encoding="utf-8")
    drawn.unlink()
    checked = run("--check", "--directory", str(tmp_path))
    assert checked.returncode == 1
    assert [line.split(" is stale")[0] for line in checked.stderr.splitlines()] == [str(page), str(drawn)]


def test_page_shows_the_main_ways_through_a_call() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for way in (
        "[*] --> CallingA",
        "CallingA --> CallingB: LegAnswered(A)",
        "DrainingPreVoice --> CallingB: TimerExpired(drain)",
        "CallingB --> Talking: LegAnswered(B)",
        "PlayingHint --> Talking: PromptEnded(A|B, recordHintTone)",
        "Ended --> [*]",
    ):
        assert f"    {way}\n" in page, way
    assert "| CallingA | `TimerExpired(ring)` | Releasing |" in page


def test_no_way_leads_out_of_ended_or_back_from_releasing() -> None:
    ways = [
        line.strip().split(":")[0].split(" --> ")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if " --> " in line
    ]
    assert [target for source, target in ways if source == "Ended"] == ["[*]"]
    assert {target for source, target in ways if source == "Releasing"} == {"Releasing", "Ended"}


def test_picture_names_every_state_once(picture: ElementTree.Element) -> None:
    names = [text.text for text in picture.iter(f"{SVG}text") if text.get("class") == "name"]
    assert sorted(str(name) for name in names) == [
        "CallingA",
        "CallingB",
        "DrainingPreVoice",
        "Ended",
        "PlayingHint",
        "PlayingPreVoice",
        "Releasing",
        "Talking",
    ]


def test_no_label_covers_another_or_a_state(picture: ElementTree.Element) -> None:
    labels, states = labels_of(picture), states_of(picture)
    assert len(labels) > 40
    assert len(states) == 8
    overlapping = [(a.what, b.what) for a, b in combinations(labels + states, 2) if a.covers(b)]
    assert overlapping == []


def test_no_label_leaves_the_picture(picture: ElementTree.Element) -> None:
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    for label in labels_of(picture):
        assert label.left >= 0, label
        assert label.right <= width, label
        assert label.top >= 0, label
        assert label.bottom <= height, label


def test_no_way_strikes_a_label_through(picture: ElementTree.Element) -> None:
    for way in picture.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in way.attrib["points"].split()]
        for (x1, y1), (x2, y2) in pairwise(points):
            line = Box("way", min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1)
            assert [label.what for label in labels_of(picture) if label.covers(line)] == []
