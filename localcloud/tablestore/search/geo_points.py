"""GEO_POINT fields: places on the globe, in the steps of Lucene.

Latitude and longitude are kept as 32-bit steps, as Lucene keeps them, so that what lies just on an
edge lies on the same side of it as in the service: the lower edges of a box are rounded up and
the values down. Distances are great-circle ones on a sphere of the earth's mean radius.
"""

import re
from array import array
from collections.abc import Sequence
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tablestore_memory.localcloud.tablestore import errors
from tablestore_memory.localcloud.tablestore.search import arrays

Floats = NDArray[np.float64]

_EARTH_RADIUS_M = 6_371_008.7714
_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
_POINT = re.compile(f"{_NUMBER},{_NUMBER}")
_LATITUDE_STEP, _LONGITUDE_STEP = 180 / 2**32, 360 / 2**32
_LAST_STEP = 2**31 - 1


class Point(NamedTuple):
    """A place, in degrees."""

    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"{self.latitude},{self.longitude}"


def point(text: Any) -> Point | None:
    """The point that a `latitude,longitude` names, or None if it names none."""
    match = _POINT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    found = Point(float(match[1]), float(match[2]))
    return found if abs(found.latitude) <= 90 and abs(found.longitude) <= 180 else None


def queried(text: str) -> Point:
    """The point of a query. Raises ParameterInvalid."""
    found = point(text)
    if found is None:
        raise errors.ParameterInvalid("A geo point is [latitude,longitude], in degrees.")
    return found


def _steps(point: Point) -> tuple[int, int]:
    return (
        min(floor(point.latitude / _LATITUDE_STEP), _LAST_STEP),
        min(floor(point.longitude / _LONGITUDE_STEP), _LAST_STEP),
    )


def code_of(point: Point) -> int:
    """The number that stands for a point; equal ones for equal points."""
    latitude, longitude = _steps(point)
    return (latitude << 32) + longitude + 2**31


class GeoPoints:
    """Which documents hold which points: one pair for each."""

    def __init__(self) -> None:
        self._holders: array[int] = array("I")
        self._latitudes: array[int] = array("i")  # in steps
        self._longitudes: array[int] = array("i")

    def add(self, ordinal: int, points: Sequence[Point]) -> None:
        for one in points:
            latitude, longitude = _steps(one)
            self._holders.append(ordinal)
            self._latitudes.append(latitude)
            self._longitudes.append(longitude)

    def holders(self) -> arrays.Ordinals:
        """Documents that have the field; once for each of their points."""
        return arrays.ordinals(self._holders)

    def codes(self) -> NDArray[np.int64]:
        """The `code_of` each point, in the order of `holders`."""
        latitudes = arrays.copied(self._latitudes).astype(np.int64)
        return (latitudes << 32) + (arrays.copied(self._longitudes).astype(np.int64) + 2**31)

    def inside(self, top_left: Point, bottom_right: Point) -> arrays.Mask:
        """Which points lie in the box, edges included, in the order of `holders`.

        A box whose left edge lies east of its right one crosses the date line.
        """
        south = ceil(bottom_right.latitude / _LATITUDE_STEP)
        north = floor(top_left.latitude / _LATITUDE_STEP)
        west = ceil(top_left.longitude / _LONGITUDE_STEP)
        east = floor(bottom_right.longitude / _LONGITUDE_STEP)
        latitudes, longitudes = arrays.copied(self._latitudes), arrays.copied(self._longitudes)
        if west <= east:
            between = (longitudes >= west) & (longitudes <= east)
        else:
            between = (longitudes >= west) | (longitudes <= east)
        found: arrays.Mask = (latitudes >= south) & (latitudes <= north) & between
        return found

    def distances_m(self, origin: Point) -> Floats:
        """How far each point is from the origin, in the order of `holders`."""
        latitudes, longitudes = np.radians(self.latitudes()), np.radians(self.longitudes())
        latitude, longitude = np.radians(origin)
        half = np.sin((latitudes - latitude) / 2) ** 2 + (
            np.cos(latitudes) * np.cos(latitude) * np.sin((longitudes - longitude) / 2) ** 2
        )
        distances: Floats = 2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1)))
        return distances

    def latitudes(self) -> Floats:
        """In degrees."""
        return arrays.copied(self._latitudes) * _LATITUDE_STEP

    def longitudes(self) -> Floats:
        return arrays.copied(self._longitudes) * _LONGITUDE_STEP

    def move(self, moves: arrays.Moves) -> None:
        self._holders, kept = arrays.moved(self._holders, moves)
        self._latitudes = array("i", arrays.copied(self._latitudes)[kept].tobytes())
        self._longitudes = array("i", arrays.copied(self._longitudes)[kept].tobytes())
