"""The panels as Grafana has them.

A gap stays a gap: no panel joins points over missing ones.
"""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

from dashboards.parts import DATASOURCE, Column, Figure, Language, Lines, Panel, Step, Table, Timeline


def _thresholds(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=step.value, color=step.color) for step in steps])
    )


def _figure(panel: Figure) -> Any:
    graph = common_model.BigValueGraphMode.AREA if panel.has_trend else common_model.BigValueGraphMode.NONE
    return (
        stat.Panel()
        .graph_mode(graph)
        .color_mode(common_model.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )


def _lines(panel: Lines) -> Any:
    made = (
        timeseries.Panel()
        .span_nulls(False)
        .show_points(common_model.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
    )
    if panel.band:
        made = made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.AREA)
        )
    if panel.bars:
        made = made.draw_style(common_model.GraphDrawStyle.BARS).fill_opacity(60)
    return made


def _timeline(_: Timeline) -> Any:
    return (
        statetimeline.Panel()
        .show_value(common_model.VisibilityMode.NEVER)
        .row_height(0.9)
        .span_nulls(False)
        .color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )


def _table(panel: Table, language: Language) -> Any:
    made = table.Panel().filterable(True)
    if panel.worst:
        sort = common.TableSortByFieldState().display_name(_shown(panel, panel.worst, language))
        made = made.sort_by([sort.desc(panel.falling)])
    for column in panel.columns:
        made = made.override_by_name(column.name, _overrides(column, language))
    return made


def _shown(panel: Table, name: str, language: Language) -> str:
    return next(column.title.to(language) for column in panel.columns if column.name == name)


def _overrides(column: Column, language: Language) -> list[model.DynamicConfigValue]:
    said = [model.DynamicConfigValue("displayName", column.title.to(language))]
    if column.unit:
        said.append(model.DynamicConfigValue("unit", column.unit))
    if column.decimals is not None:
        said.append(model.DynamicConfigValue("decimals", column.decimals))
    if column.steps:
        said.append(model.DynamicConfigValue("thresholds", _thresholds(column.steps).build()))
        said.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return said


def _begun(panel: Panel, language: Language) -> Any:
    match panel:
        case Figure():
            return _figure(panel)
        case Lines():
            return _lines(panel)
        case Timeline():
            return _timeline(panel)
        case Table():
            return _table(panel, language)
    raise TypeError(f"no such kind of panel: {type(panel).__name__}")


def built(panel: Panel, number: int, language: Language) -> Any:
    """The panel as Grafana has it, in one language; `number` is its id on the board."""
    made = (
        _begun(panel, language)
        .id(number)
        .title(panel.title.to(language))
        .description(panel.description.to(language))
        .datasource(DATASOURCE)
        .targets(list(panel.queries))
        .unit(panel.unit)
        .thresholds(_thresholds(panel.steps))
        .span(panel.width)
        .height(panel.height)
        .no_value("—")
    )
    for name, value in (("decimals", panel.decimals), ("min", panel.low), ("max", panel.high)):
        made = made if value is None else getattr(made, name)(value)
    return made.time_from(panel.window) if panel.window else made
