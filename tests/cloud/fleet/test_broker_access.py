"""Who may say and hear what, on both brokers: judged by what is delivered, not by what is acknowledged."""

import pytest
from amqtt.contexts import Action
from amqtt.session import Session
from hypothesis import given
from hypothesis import strategies as st

from cloud.fleet.broker import CLOUD, allowed
from cloud.fleet.broker_amqtt import Door
from protocols.mqtt import topics
from tests.cloud.fleet.conftest import USERS, Running, hashes, password
from tests.cloud.fleet.peers import Peer, Refused, until

SECRET = b"what gw-1 has to say"
MARK = b"the last message"


def heard_by_gw_2(running: Running, topic_filter: str) -> set[str]:
    """Topics that reach gw-2 when it asks for a filter while gw-1 and the cloud talk."""
    with running.peer(CLOUD) as cloud, running.peer("gw-1") as gw1, running.peer("gw-2") as gw2:
        gw2.subscribe(topic_filter)
        gw2.subscribe(topics.down("gw-2", "stored"))
        cloud.subscribe(topics.ALL_UP)
        gw1.publish(topics.up("gw-1", "readings"), SECRET)
        gw1.publish(topics.up("gw-1", "status"), SECRET, retain=True)
        cloud.publish(topics.down("gw-1", "stored"), SECRET)
        until(lambda: len(cloud.got) == 2)
        gw2.subscribe(topic_filter)  # retained ones come now
        cloud.publish(topics.down("gw-2", "stored"), MARK)
        until(lambda: (topics.down("gw-2", "stored"), MARK) in gw2.got)
        return {topic for topic, _ in gw2.got}


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/#",
        "wattpost/v1/#",
        topics.ALL_UP,
        topics.up("gw-1", "readings"),
        "wattpost/v1/gw-1/#",
        "wattpost/v1/+/down/#",
        topics.down("gw-1", "stored"),
        "$SYS/#",
        "$share/ingest/wattpost/v1/+/up/+",
    ],
)
def test_a_gateway_hears_nothing_but_what_the_cloud_tells_it(running: Running, topic_filter: str) -> None:
    assert heard_by_gw_2(running, topic_filter) == {topics.down("gw-2", "stored")}


FORGED = (
    topics.up("gw-1", "readings"),
    topics.up("gw-1", "status"),
    topics.down("gw-1", "stored"),
    topics.down("gw-2", "stored"),
    topics.up(topics.PROBE_GATEWAY, "probe"),
    topics.up(CLOUD, "readings"),
    "wattpost/v1/gw-2/elsewhere",
    "elsewhere",
)


def test_a_gateway_speaks_for_itself_only_and_forges_no_stored(running: Running) -> None:
    with running.peer(CLOUD) as cloud, running.peer("gw-1") as gw1, running.peer("gw-2") as gw2:
        cloud.subscribe(topics.ALL_UP)
        gw1.subscribe("wattpost/v1/gw-1/down/#")
        gw2.subscribe("wattpost/v1/gw-2/down/#")
        for topic in FORGED:
            gw2.publish(topic, SECRET)
            gw2.publish(topic, SECRET, retain=True)
        gw2.publish(topics.up("gw-2", "readings"), MARK)
        until(lambda: (topics.up("gw-2", "readings"), MARK) in cloud.got)
        for gateway in ("gw-1", "gw-2"):
            cloud.publish(topics.down(gateway, "stored"), MARK)
        until(lambda: gw1.got and gw2.got)
        with running.peer("gw-1", client_id="gw-1") as fresh:
            fresh.subscribe("wattpost/v1/gw-1/down/#")
            cloud.publish(topics.down("gw-1", "stored"), MARK)
            until(lambda: (topics.down("gw-1", "stored"), MARK) in fresh.got)
            heard = [*cloud.got, *gw1.got, *gw2.got, *fresh.got]
    assert {payload for _, payload in heard} == {MARK}


def test_a_last_will_says_nothing_that_its_gateway_may_not_say(running: Running) -> None:
    with running.peer(CLOUD) as cloud, running.peer("gw-1") as gw1:
        cloud.subscribe(topics.ALL_UP)
        gw1.subscribe("wattpost/v1/gw-1/down/#")
        for topic in (topics.down("gw-1", "stored"), topics.up("gw-1", "status")):
            try:
                with running.peer("gw-2", will=(topic, SECRET)) as gw2:
                    gw2.cut()
            except Refused:
                continue
        with running.peer("gw-2", will=(topics.up("gw-2", "status"), MARK)) as gw2:
            gw2.cut()
            until(lambda: (topics.up("gw-2", "status"), MARK) in cloud.got)
        cloud.publish(topics.down("gw-1", "stored"), MARK)
        until(lambda: gw1.got)
        assert {payload for _, payload in [*cloud.got, *gw1.got]} == {MARK}


@pytest.mark.parametrize(
    ("user", "word"),
    [
        ("gw-1", "wrong"),
        ("gw-1", ""),
        ("gw-1", password("gw-2")),
        ("gw-99", password("gw-99")),
        (CLOUD, password("gw-1")),
        ("", None),
        ("gw-1", None),
    ],
)
def test_without_the_right_password_nobody_is_let_in(running: Running, user: str, word: str | None) -> None:
    with pytest.raises(Refused), Peer(running.address, user, word, client_id=user or "anybody"):
        pass


def test_nobody_takes_over_anothers_session(running: Running) -> None:
    with running.peer(CLOUD) as cloud, running.peer("gw-1") as gw1:
        gw1.subscribe("wattpost/v1/gw-1/down/#")
        try:
            with running.peer("gw-2", client_id="gw-1") as thief:
                thief.subscribe("wattpost/v1/gw-1/down/#")
                cloud.publish(topics.down("gw-1", "stored"), MARK)
                until(lambda: gw1.got)
                assert thief.got == []
        except Refused:
            pass


def test_a_failed_sign_in_gives_an_open_session_no_other_name(running: Running) -> None:
    with running.peer(CLOUD) as cloud, running.peer("gw-2", clean=False) as gw2:
        cloud.subscribe(topics.ALL_UP)
        with pytest.raises(Refused), Peer(running.address, CLOUD, "wrong", client_id="gw-2", clean=False):
            pass
        gw2.client.subscribe(topics.ALL_UP, qos=1)
        with running.peer("gw-1") as gw1:
            gw1.publish(topics.up("gw-1", "readings"), SECRET)
            until(lambda: cloud.got)
            assert gw2.got == []


def test_whoever_is_taken_off_the_list_is_cut_off_and_not_let_in_again(running: Running) -> None:
    with running.peer("gw-1") as gw1, running.peer("gw-2") as gw2:
        running.broker.reload(hashes(CLOUD, "gw-1", "gw-3"))
        until(lambda: not gw2.connected)
        with running.peer("gw-3"):
            assert gw1.connected
        with pytest.raises(Refused), running.peer("gw-2"):
            pass


def test_inside_the_embedded_broker_a_name_counts_only_for_who_proved_it() -> None:
    """amqtt writes the name of a failed sign-in into an open session of the same client id."""
    door = Door(hashes(*USERS))
    session = Session()
    session.username, session.password, session.client_id = "gw-2", password("gw-2"), "gw-2"
    assert door.admits(session)
    session.username = CLOUD
    assert not door.allows(session, Action.PUBLISH, topics.down("gw-1", "stored"))
    assert door.allows(session, Action.PUBLISH, topics.up("gw-2", "readings"))
    assert not door.admits(session)
    assert not door.allows(session, Action.PUBLISH, topics.up("gw-2", "readings"))


_levels = st.sampled_from(["wattpost", "v1", "gw-1", "gw-2", "up", "down", "stored", "+", "#", "$SYS", ""])


@given(asked=st.lists(_levels, min_size=1, max_size=6).map("/".join))
def test_no_filter_of_a_gateway_reaches_beyond_its_own_down(asked: str) -> None:
    below = asked.startswith("wattpost/v1/gw-1/down/") and asked.split("/")[:4] == [
        "wattpost",
        "v1",
        "gw-1",
        "down",
    ]
    assert allowed("gw-1", "read", asked) == below
