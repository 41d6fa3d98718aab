"""The drawn state diagrams of notification and verification say what the flows do, and can be read."""

from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.ivrcore.test_callback_diagrams import SVG, Box, labels_of, states_of

STATES = Path(__file__).resolve().parents[3] / "docs" / "states"
NAMES = {
    "notification": ["CallingA", "Collecting", "Draining", "Ended", "PlayingContent", "Releasing"],
    "verification": [
        "CallingA",
        "Draining",
        "Ended",
        "PlayingCode",
        "PlayingPosTone",
        "PlayingPreTone",
        "Releasing",
    ],
}
WAYS = {
    "notification": (
        "[*] --> CallingA",
        "CallingA --> PlayingContent: LegAnswered(A)",
        "PlayingContent --> PlayingContent: PromptEnded(A, content)",
        "PlayingContent --> Collecting: PromptEnded(A, content)",
        "Collecting --> PlayingContent: DigitsCollected(A, digits)",
        "Collecting --> Draining: DigitsCollected(A, digits)",
        "Collecting --> Releasing: MediaLost(A)<br/>DigitsCollected(A, no digits)<br/>StopOrdered",
        "Collecting --> Ended: LegHungUp(A)",
        "Ended --> [*]",
    ),
    "verification": (
        "[*] --> CallingA",
        "CallingA --> PlayingPreTone: LegAnswered(A)",
        "CallingA --> PlayingCode: LegAnswered(A)",
        "PlayingPreTone --> PlayingCode: PromptEnded(A, preTone)",
        "PlayingCode --> PlayingCode: PromptEnded(A, code)",
        "PlayingCode --> PlayingPosTone: PromptEnded(A, code)",
        "PlayingPosTone --> Draining: PromptEnded(A, posTone)",
        "Ended --> [*]",
    ),
}


@pytest.fixture(params=NAMES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def picture(service: str) -> ElementTree.Element:
    return ElementTree.parse(STATES / f"{service}.svg").getroot()


@pytest.fixture
def page(service: str) -> str:
    return (STATES / f"{service}.md").read_text(encoding="utf-8")


def test_page_shows_the_main_ways_through_a_call(service: str, page: str) -> None:
    for way in WAYS[service]:
        assert f"    {way}\n" in page, way


def test_no_way_leads_out_of_ended_or_back_from_releasing(page: str) -> None:
    ways = [line.strip().split(":")[0].split(" --> ") for line in page.splitlines() if " --> " in line]
    assert [target for source, target in ways if source == "Ended"] == ["[*]"]
    assert {target for source, target in ways if source == "Releasing"} == {"Ended"}


def test_page_tells_what_does_nothing(page: str) -> None:
    assert "| DigitReceived | CallingA, " in page
    assert "| LegHungUp | CallingA, " in page


def test_picture_names_every_state_once(service: str, picture: ElementTree.Element) -> None:
    names = [str(text.text) for text in picture.iter(f"{SVG}text") if text.get("class") == "name"]
    assert sorted(names) == NAMES[service]


def test_no_label_covers_another_or_a_state(picture: ElementTree.Element) -> None:
    labels, states = labels_of(picture), states_of(picture)
    assert len(labels) > 20
    overlapping = [(a.what, b.what) for a, b in combinations(labels + states, 2) if a.covers(b)]
    assert overlapping == []


def test_no_label_leaves_the_picture(picture: ElementTree.Element) -> None:
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    for label in labels_of(picture):
        assert 0 <= label.left <= label.right <= width, label
        assert 0 <= label.top <= label.bottom <= height, label


def test_no_way_strikes_a_label_or_a_state_through(picture: ElementTree.Element) -> None:
    inner = [Box("state", s.left + 2, s.top + 2, s.right - 2, s.bottom - 2) for s in states_of(picture)]
    for way in picture.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in way.attrib["points"].split()]
        for (x1, y1), (x2, y2) in pairwise(points):
            line = Box("way", min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1)
            assert [label.what for label in labels_of(picture) if label.covers(line)] == []
            assert not any(state.covers(line) for state in inner)


def test_ways_side_by_side_are_told_apart(picture: ElementTree.Element) -> None:
    # Two lines on one line look like one way.
    uprights = []
    for way in picture.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in way.attrib["points"].split()]
        for (x1, y1), (x2, y2) in pairwise(points):
            if x1 == x2:
                uprights.append((x1, min(y1, y2), max(y1, y2)))
    for (x1, top1, end1), (x2, top2, end2) in combinations(uprights, 2):
        if top1 < end2 and top2 < end1:
            assert abs(x1 - x2) >= 6, (x1, x2)
