"""Where documents lie: within a distance, in a box, in a polygon.

A document with several points matches if any of them does.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays, geo_points, refuse
from tablestore_memory.localcloud.tablestore.search.geo_points import Floats, GeoPoints, Point
from tablestore_memory.localcloud.tablestore.search.hits import Hits, Searched

MAX_POLYGON_POINTS = 1000  # of our own choosing


def distance(query: Any, searched: Searched) -> Hits:
    """Documents at most so many metres from the center."""
    index = points(query.field_name, searched)
    refuse.unless(query.distance >= 0, "The distance must not be negative.")
    near = index.distances_m(geo_points.queried(query.center_point)) <= query.distance
    return searched.any_of(index.holders()[near])


def bounding_box(query: Any, searched: Searched) -> Hits:
    """Documents in the box between its top left and its bottom right corner."""
    index = points(query.field_name, searched)
    top_left = geo_points.queried(query.top_left)
    bottom_right = geo_points.queried(query.bottom_right)
    fits = top_left.latitude >= bottom_right.latitude
    refuse.unless(fits, "The top left corner must not lie below the bottom right one.")
    return searched.any_of(index.holders()[index.inside(top_left, bottom_right)])


def polygon(query: Any, searched: Searched) -> Hits:
    """Documents in the polygon of these corners, or on its edge."""
    index = points(query.field_name, searched)
    fits = 3 <= len(query.points) <= MAX_POLYGON_POINTS
    refuse.unless(fits, f"A polygon has 3 to {MAX_POLYGON_POINTS} points.")
    corners = [geo_points.queried(text) for text in query.points]
    if corners[0] != corners[-1]:
        corners.append(corners[0])
    inside = _inside(index.longitudes(), index.latitudes(), corners)
    return searched.any_of(index.holders()[inside])


def points(name: str, searched: Searched) -> GeoPoints:
    """The points of the field. Raises ParameterInvalid if it has none."""
    field, index = searched.field(name)
    if not isinstance(index, GeoPoints):
        raise errors.ParameterInvalid(f"This query works on GEO_POINT, not on {field}.")
    return index


def _inside(x: Floats, y: Floats, corners: list[Point]) -> arrays.Mask:
    """Whether a ray to the east crosses the edges an odd number of times."""
    inside = np.zeros(len(x), dtype=np.bool_)
    for (y1, x1), (y2, x2) in pairwise(corners):
        if y1 == y2:
            continue
        crossed = (y1 > y) != (y2 > y)
        inside ^= crossed & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside
