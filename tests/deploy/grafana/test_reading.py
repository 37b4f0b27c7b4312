"""Boards are read as Grafana reads them."""

import pytest

from deploy.grafana.reading import fill, panels, values_of


def test_variables_are_filled_in_and_those_not_chosen_mean_all() -> None:
    expr = 'rate(requests{model=~"$model|",version=~"$version"}[$__rate_interval])'
    filled = fill(expr, "20s", "15m", {"model": "topic"})
    assert filled == 'rate(requests{model=~"topic|",version=~".*"}[20s])'


def test_the_whole_range_is_not_taken_for_another_variable() -> None:
    assert fill("increase(x[$__range])", "20s", "15m") == "increase(x[15m])"


def test_panels_of_folded_rows_are_read_too() -> None:
    inner = {"type": "stat", "title": "inside"}
    board = {"panels": [{"type": "row", "panels": [inner]}, {"type": "stat", "title": "below"}]}
    assert [panel["title"] for panel in panels(board)] == ["inside", "below"]


def test_what_a_variable_lists_is_a_query() -> None:
    assert values_of('label_values(up{job="x"}, instance)') == 'group by (instance) (up{job="x"})'
    with pytest.raises(ValueError, match="write it so"):
        values_of("query_result(up)")
