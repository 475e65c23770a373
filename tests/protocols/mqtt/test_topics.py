"""A topic names one gateway; a wildcard, another level or a foreign prefix is not taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.mqtt import topics

gateways = st.from_regex(topics.GATEWAY_ID, fullmatch=True)


@given(gateways, st.sampled_from(["readings", "dropped", "status", "health"]))
def test_an_upward_topic_names_its_gateway(gateway: str, what: str) -> None:
    assert topics.parse_up(topics.up(gateway, what)) == (gateway, what)


def test_the_probe_has_a_name_no_gateway_can_bear() -> None:
    assert topics.parse_up(topics.up(topics.PROBE_GATEWAY, "probe")) == ("_cloud", "probe")
    assert not topics.GATEWAY_ID.fullmatch(topics.PROBE_GATEWAY)


def test_the_cloud_subscribes_to_every_upward_topic_and_to_no_downward_one() -> None:
    assert topics.ALL_UP == "wattpost/v1/+/up/+"
    assert topics.down("gw-1", "stored") == "wattpost/v1/gw-1/down/stored"


@pytest.mark.parametrize(
    "topic",
    [
        "", "/", "wattpost", "wattpost/v1/gw-1/up", "wattpost/v1/gw-1/up/readings/more",
        "wattpost/v2/gw-1/up/readings", "other/v1/gw-1/up/readings", "/wattpost/v1/gw-1/up/readings",
        "wattpost/v1/gw-1/down/stored", "wattpost/v1/+/up/readings", "wattpost/v1/#/up/readings",
        "wattpost/v1/gw-1/up/+", "wattpost/v1/gw-1/up/#", "wattpost/v1//up/readings",
        "wattpost/v1/-gw/up/readings", "wattpost/v1/gw-/up/readings", "wattpost/v1/GW-1/up/readings",
        "wattpost/v1/gw 1/up/readings", "wattpost/v1/gw-1\n/up/readings",
        "wattpost/v1/g\u0000w/up/readings", "wattpost/v1/网关/up/readings",
        f"wattpost/v1/{'g' * 33}/up/readings", "wattpost/v1/g/up/readings",
        "wattpost/v1/_other/up/readings", "wattpost/v1/gw-1/up/", "wattpost/v1/gw-1/UP/x",
        "wattpost/v1/gw-1/up/Readings", "wattpost/v1/gw-1/up/rea\ndings",
    ],
)  # fmt: skip
def test_what_is_no_upward_topic_of_ours_is_refused(topic: str) -> None:
    with pytest.raises(MessageError) as refusal:
        topics.parse_up(topic)
    assert len(str(refusal.value)) < 300


@given(st.text(max_size=60))
def test_any_text_is_a_topic_or_a_message_error(topic: str) -> None:
    try:
        gateway, what = topics.parse_up(topic)
    except MessageError:
        return
    assert topics.up(gateway, what) == topic
