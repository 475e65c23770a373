"""The variables: feeder, its areas, their meters; each list shows what hangs below the choice before it."""

from dashboards.parts import Text, Variable

FEEDERS = Variable("feeder", Text("线路", "Feeder"), 'SHOW TAG VALUES FROM "meter_info" WITH KEY = "feeder"')
AREAS = Variable(
    "area",
    Text("台区", "Area"),
    'SHOW TAG VALUES FROM "meter_info" WITH KEY = "area" WHERE "feeder" =~ /^${feeder:regex}$/',
)
METER = Variable(
    "meter",
    Text("电能表", "Meter"),
    'SHOW TAG VALUES FROM "meter_info" WITH KEY = "meter"'
    ' WHERE "feeder" =~ /^${feeder:regex}$/ AND "area" =~ /^${area:regex}$/',
    many=False,
)

CHOSEN_FEEDERS = '$timeFilter AND "feeder" =~ /^${feeder:regex}$/'
CHOSEN_AREAS = f'{CHOSEN_FEEDERS} AND "area" =~ /^${{area:regex}}$/'
CHOSEN_METER = '$timeFilter AND "meter" = ${meter:singlequote}'
