"""Each area of the made-up station has a transformer of a usual size, so that its load rate can be said."""

from cloud.demo.station import TRANSFORMERS_KVA, Station


def station(areas: int, meters: int) -> Station:
    names = [f"A{number:02}" for number in range(areas)]
    every = [{"id": f"{area}-{number}", "area": area} for area in names for number in range(meters)]
    return Station({"area": [{"id": area} for area in names], "meter": every})


def test_transformers_have_usual_sizes_and_different_room() -> None:
    found = station(6, 10).capacities()
    assert list(found.values()) == [30.0, 80.0, 100.0] * 2


def test_a_large_area_has_the_largest_there_is() -> None:
    assert max(station(3, 100).capacities().values()) == TRANSFORMERS_KVA[-1]
