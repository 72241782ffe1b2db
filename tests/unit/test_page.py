"""Parts of the page that need no server: the door, how texts are shown, the geometry of graphs."""

import re
from pathlib import Path

import pytest

from tablestore_memory.server.access import Token, Tokens
from tablestore_memory.server.page import charts, rendering
from tablestore_memory.server.page.door import LINK, Door
from tablestore_memory.server.page.pulse import Beat, increases
from tablestore_memory.server.problems import Forbidden, Unauthorized
from tablestore_memory.worker.operations.ages import Ages
from tablestore_memory.worker.operations.throughput import Throughput

TEMPLATES = Path(rendering.__file__).parent / "templates"
ALL, ANA = "token-for-all-users", "token-for-ana-alone"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    tokens = [Token("all", ALL), Token("ana", ANA, "ana")]
    return Door(Tokens(tokens, "t"), link_s=600, login_s=3600, clock=clock)


# The door


def test_key_lets_one_in_under_the_name_of_the_link(door: Door) -> None:
    key = door.new_key()

    login = door.by_key(key)

    assert login is not None
    assert door.visitor(login) == LINK
    assert door.by_key(key) is None
    assert door.visitor(key) is None


def test_key_waits_so_long_and_no_longer(door: Door, clock: Clock) -> None:
    early, late = door.new_key(), door.new_key()

    clock.now_s += 599
    assert door.by_key(early)

    clock.now_s += 1
    assert door.by_key(late) is None


def test_login_lasts_so_long_and_no_longer(door: Door, clock: Clock) -> None:
    login = door.by_token(ALL)

    clock.now_s += 3599
    assert door.visitor(login) == "all"

    clock.now_s += 1
    assert door.visitor(login) is None


def test_door_opens_for_a_token_of_all_users_alone(door: Door) -> None:
    with pytest.raises(Forbidden):
        door.by_token(ANA)
    with pytest.raises(Unauthorized):
        door.by_token("token-that-nobody-has")


# How texts are shown


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I drink tea", ""),
        ("我喝茶。", "zh-Hans"),
        ("tea, 茶", "zh-Hans"),
        ("お茶を飲む", "ja"),
        ("나는 차를 마신다", "ko"),
        ("\x00\ud800", ""),
    ],
)
def test_language_of_a_text_follows_from_its_characters(text: str, language: str) -> None:
    assert rendering.language_of(text) == language


def test_text_is_escaped_and_keeps_to_its_place() -> None:
    shown = str(rendering.said('"><script>\u202ealert(1)'))

    assert shown.startswith('<bdi class="said" dir="auto" lang="">&#34;&gt;&lt;script&gt;')
    assert shown.endswith("</bdi>")


def test_half_a_surrogate_pair_breaks_no_page() -> None:
    response = rendering.render(None, "login.html", problem="\ud83d")

    assert b'role="alert">?</p>' in bytes(response.body)


@pytest.mark.parametrize("template", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_templates_leave_nothing_unescaped_and_bring_no_code(template: Path) -> None:
    text = template.read_text(encoding="utf-8")

    assert not re.search(r"\|\s*safe|autoescape|<style|\sstyle=|\son\w+=|javascript:", text)
    assert set(re.findall(r"<script[^>]*>", text)) <= {'<script src="/static/page.js" defer>'}


# Graphs


def test_line_goes_over_the_whole_height_and_is_broken_where_nobody_looked() -> None:
    points = [(300, 0), (290, 5), (100, 10), (0, 5)]

    drawn = charts.line("Events", points, "a minute", span_s=300, gap_s=100)

    assert drawn.paths == ["M0.0 80.0L10.0 40.0", "M200.0 0.0L300.0 40.0"]
    assert (drawn.most, drawn.latest) == ("10 a minute", "5 a minute")


def test_graph_of_nothing_is_empty() -> None:
    assert charts.line("Events", [], "s", span_s=300, gap_s=30).paths == []
    assert charts.bars([]) == []


def test_bars_share_the_width_and_the_greatest_has_the_height() -> None:
    one, two = charts.bars([("a", 1, "1"), ("b", 4, "4")])

    assert (one.x, one.height, two.x, two.y, two.height) == (0, 20, 150, 0, 80)


def test_counters_that_began_anew_count_for_nothing() -> None:
    nothing_waits = Ages(0, 0, 0, 0, 0)
    beats = [
        Beat(at, Throughput(events, 0, 0, 0), nothing_waits)
        for at, events in ((0, 7), (10, 9), (20, 1), (30, 4))
    ]

    assert [done.events for _, done in increases(beats)] == [2, 0, 3]
