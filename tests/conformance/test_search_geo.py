"""GEO_POINT fields: distance, bounding box, polygon, and order by distance."""

from itertools import chain
from typing import Any

import pytest
import tablestore as ots

from tests.conformance.searched import FROM_INDEX, Searched, keyword, text
from tests.conformance.tablestore import refused

ALL = ots.MatchAllQuery()
INVALID = ("OTSParameterInvalid", 400)
HANGZHOU, SHANGHAI, BEIJING = "30.25,120.17", "31.23,121.47", "39.90,116.41"
PLACES: dict[Any, dict[str, Any]] = {
    "hangzhou": {"g": HANGZHOU},
    "shanghai": {"g": SHANGHAI},
    "beijing": {"g": BEIJING},
    "suva": {"g": "-18.14,178.44"},
    "nowhere": {"g": "91,0"},
    "both": {"gs": f'["{HANGZHOU}", "{BEIJING}"]'},
}


def geo(name: str, **options: Any) -> ots.FieldSchema:
    return ots.FieldSchema(name, ots.FieldType.GEOPOINT, **options)


@pytest.fixture
def places(client: Any, table: str) -> Searched:
    fields = (geo("g"), geo("gs", is_array=True), keyword("k"), text("t"))
    return Searched(client, table, *fields).put_all(PLACES)


@pytest.mark.parametrize(
    ("metres", "expected"),
    [(0, []), (100_000, ["hangzhou"]), (200_000, ["hangzhou", "shanghai"])],
)
def test_distance(places: Searched, metres: float, expected: list[str]) -> None:
    """Between the two lie some 165 km."""
    query = ots.GeoDistanceQuery("g", "30.26,120.17", metres)

    assert places.keys(query) == expected


def test_distance_of_any_of_several_points(places: Searched) -> None:
    assert places.keys(ots.GeoDistanceQuery("gs", BEIJING, 1000)) == ["both"]
    assert places.keys(ots.GeoDistanceQuery("gs", SHANGHAI, 1000)) == []


@pytest.mark.parametrize(
    ("top_left", "bottom_right", "expected"),
    [
        ("32,120", "30,122", ["hangzhou", "shanghai"]),
        ("40,116", "31,122", ["beijing", "shanghai"]),
        ("0,170", "-20,-170", ["suva"]),
        ("0, -180", "-20, 180", ["suva"]),
        ("1,0", "0,1", []),
    ],
    ids=["small", "large", "over the date line", "around the globe", "sea"],
)
def test_bounding_box(
    places: Searched, top_left: str, bottom_right: str, expected: list[str]
) -> None:
    assert places.keys(ots.GeoBoundingBoxQuery("g", top_left, bottom_right)) == expected


def test_polygon(places: Searched) -> None:
    triangle = ["29,119", "33,119", "31,124"]
    dented = ["29,119", "33,119", "30.8,120.8", "33,124", "29,124"]

    assert places.keys(ots.GeoPolygonQuery("g", triangle)) == ["hangzhou", "shanghai"]
    assert places.keys(ots.GeoPolygonQuery("g", [*triangle, triangle[0]])) == [
        "hangzhou",
        "shanghai",
    ]
    assert places.keys(ots.GeoPolygonQuery("g", dented)) == ["hangzhou", "shanghai"]
    assert places.keys(ots.GeoPolygonQuery("g", ["33,119", "31,120.8", "33,124"])) == []


def test_what_is_no_point_is_not_indexed(places: Searched) -> None:
    assert "nowhere" not in places.keys(ots.ExistsQuery("g"))
    assert places.rows(ots.ExistsQuery("gs"), FROM_INDEX)["both"] == PLACES["both"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ots.SortOrder.ASC, ["hangzhou", "shanghai", "beijing", "suva", "both", "nowhere"]),
        (ots.SortOrder.DESC, ["suva", "beijing", "shanghai", "hangzhou", "both", "nowhere"]),
    ],
    ids=["near first", "far first"],
)
def test_order_by_distance(places: Searched, order: Any, expected: list[str]) -> None:
    by_distance = ots.Sort([ots.GeoDistanceSort("g", [HANGZHOU], sort_order=order)])

    assert places.keys(ALL, sort=by_distance) == expected
    assert list(chain(*places.pages(ALL, limit=2, sort=by_distance))) == expected


def test_order_by_the_distance_from_several_points(client: Any, table: str) -> None:
    places = Searched(client, table, geo("g"))
    places.put_all({"zero": {"g": "0,0"}, "five": {"g": "0,5"}, "nine": {"g": "0,9"}})
    ends = ["0,0", "0,10"]

    def order(mode: Any) -> list[Any]:
        asked = ots.GeoDistanceSort("g", ends, sort_order=ots.SortOrder.ASC, sort_mode=mode)
        return places.keys(ALL, sort=ots.Sort([asked]))

    assert order(ots.SortMode.MIN) == ["zero", "nine", "five"]
    assert order(ots.SortMode.MAX) == ["five", "nine", "zero"]


@pytest.mark.parametrize(
    "query",
    [
        ots.GeoDistanceQuery("k", HANGZHOU, 10),
        ots.GeoDistanceQuery("nowhere", HANGZHOU, 10),
        ots.GeoDistanceQuery("g", "Hangzhou", 10),
        ots.GeoDistanceQuery("g", "91,0", 10),
        ots.GeoDistanceQuery("g", HANGZHOU, -1),
        ots.GeoBoundingBoxQuery("t", "1,0", "0,1"),
        ots.GeoBoundingBoxQuery("g", "0,0", "1,1"),
        ots.GeoBoundingBoxQuery("g", "1", "0,1"),
        ots.GeoPolygonQuery("k", ["1,1", "2,2", "3,1"]),
        ots.GeoPolygonQuery("g", ["1,1", "2,2"]),
        ots.TermQuery("g", HANGZHOU),
        ots.RangeQuery("g", HANGZHOU),
        ots.PrefixQuery("g", "30"),
    ],
    ids=lambda query: type(query).__name__,
)
def test_what_makes_no_sense_is_refused(places: Searched, query: Any) -> None:
    with refused(*INVALID):
        places.search(query)


def test_distance_on_a_plane_is_refused(places: Searched, local_only: None) -> None:
    plane = ots.GeoDistanceSort(
        "g", [HANGZHOU], geo_distance_type=ots.GeoDistanceType.PLANE, sort_order=ots.SortOrder.ASC
    )

    with refused("OTSUnsupportOperation", 403, "GEO_DISTANCE_PLANE"):
        places.search(ALL, sort=ots.Sort([plane]))
