"""What promises, their terms, states and grounds are called on a page; words from the catalogues."""

from collections.abc import Mapping
from typing import Any

from cloud.tiers.entitlements.document import EntitlementPolicy, When
from cloud.tiers.entitlements.instalments import PlanEvent, PlanState
from cloud.tiers.entitlements.polling import Outcome
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.verdicts import Part, State
from cloud.web.customers.axis_names import AXES, named, value_of
from cloud.web.language import Words, mark

PROTECTIONS = {"important": mark("protected as important"), "household": mark("protected household")}
PARTS = {
    Part.ON_SITE: mark("Crew on site in time"),
    Part.RESTORE: mark("Supply back in time"),
    Part.NOTICES: mark("Notices by the promised way"),
    Part.INTERVAL: mark("Read as often as promised"),
    Part.REPORT: mark("Monthly energy report"),
    Part.ADVICE: mark("Advice in time"),
    Part.CONTACT: mark("Contact by the manager"),
    Part.LIMITS: mark("Limits watched and told"),
}
STATES = {
    State.MISSED: ("bad", mark("promise missed")),
    State.NOT_KNOWN: ("none", mark("cannot be proven")),
    State.DELIVERED: ("good", mark("promise kept")),
    State.NOT_DUE: ("none", mark("not due")),
}
REASONS = {
    "no_order": mark("no order in this month"),
    "under_way": mark("still under way"),
    "no_notice": mark("no notice in this month"),
    "no_channel": mark("the customer gave no channel"),
    "not_sent": mark("in the inbox only"),
    "no_call_recorded": mark("nobody wrote down a call"),
    "not_counted": mark("collection has not counted it"),
    "nothing_owed": mark("nothing was to be read"),
    "slots_coarser": mark("counted in slots longer than the promise"),
    "late": mark("written down after its day"),
    "not_yet": mark("its day is still to come"),
    "nothing_recorded": mark("nobody wrote it down"),
    "not_issued": mark("neither issued nor handed over by its day"),
    "not_kept": mark("no advice is kept here"),
    "not_judged": mark("of a limit no day could be judged"),
}
TERMS = {
    "manager": mark("Account manager"),
    "on_site_min": mark("Crew on site, min (town / country / remote)"),
    "restore_min": mark("Supply back after arrival, min (town / country / remote)"),
    "order_priority": mark("Priority of orders (1 first)"),
    "interval_s": mark("Read every, seconds"),
    "unusual_factor": mark("Unusual use told from, times the usual"),
    "voltage": mark("Voltage limits, watched by day"),
    "power_factor": mark("Power factor limit, watched by month to date"),
    "demand_share": mark("Demand limit, share of the contract, watched by day"),
    "reach": mark("Notices reach"),
    "quiet": mark("No push below severe"),
    "instalments": mark("Instalments at most"),
    "instalment_least_cny": mark("Least instalment, yuan"),
    "instalment_credit": mark("Instalments down to credit"),
    "report_monthly": mark("Monthly energy report"),
    "advice_every_months": mark("Advice every, months"),
    "training": mark("Energy-saving training"),
}
MANAGERS = {
    "station": mark("the service desk"),
    "area_manager": mark("the area's manager"),
    "key_account_desk": mark("the key-account desk"),
}
REACH = {
    "inbox": mark("the inbox"),
    "push": mark("inbox and every channel given"),
    "call": mark("inbox, channels and a call"),
}
OUTCOMES = {
    Outcome.AS_PROMISED: ("good", mark("as promised")),
    Outcome.SET: ("good", mark("new settings offered")),
    Outcome.WAITING: ("none", mark("its turn comes")),
    Outcome.FULL: ("warn", mark("the line has not the time")),
    Outcome.REFUSED: ("bad", mark("settings refused")),
    Outcome.LEFT_ALONE: ("none", mark("left alone")),
}
OUTCOME_DETAILS = {
    "no_settings": mark("it has no settings from here; its own file is not touched"),
    "no_lines": mark("its settings from here name no lines"),
    "unanswered": mark("settings of a person wait for its answer"),
    "again_after": mark("it was given settings a short while ago"),
    "gateways_per_hour": mark("enough gateways for this hour"),
}
PLANS = {
    PlanState.OFFERED: ("none", mark("plan offered")),
    PlanState.AGREED: ("good", mark("plan agreed")),
    PlanState.RUNNING: ("good", mark("plan running")),
    PlanState.KEPT: ("good", mark("plan kept")),
    PlanState.BROKEN: ("bad", mark("plan broken")),
    PlanState.WITHDRAWN: ("none", mark("plan withdrawn")),
}
PLAN_EVENTS = {
    PlanEvent.AGREE: mark("The customer agrees"),
    PlanEvent.WITHDRAW: mark("Take the offer back"),
}
HOWS = {
    How.VISIT: mark("a visit"),
    How.PHONE: mark("a telephone call"),
    How.MESSAGE: mark("a message"),
    How.REPORT: mark("the energy report handed over"),
    How.TRAINING: mark("a training"),
}
SOURCES = {
    "work_orders": mark("work orders"),
    "collection": mark("collection ledger"),
    "readings": mark("readings counted"),
    "notices": mark("notices and deliveries"),
    "recorded_by_a_person": mark("written down by a person"),
    "issued_report": mark("reports issued"),
    "advice": mark("advice kept"),
    "entitlements": mark("promises kept over time"),
    "days_judged": mark("days judged by readings"),
    "the_order_itself": mark("the order's own deadline"),
}


LIMITS = {
    "voltage": mark("voltage limit"),
    "power_factor": mark("power factor limit"),
    "demand": mark("demand limit"),
}
EVERYBODYS = {
    "base": mark("promised to everybody of the class"),
    "deadlines": mark("the station's deadlines"),
}
"""Rules that are nobody's own."""


def rule(name: str, words: Words, grounds: Mapping[str, str] | None = None) -> str:
    """What a rule is to people: its ground where it is in force still, else its id."""
    return (grounds or {}).get(name) or named(EVERYBODYS, name, words)


def grounds(policy: EntitlementPolicy, words: Words) -> dict[str, str]:
    """By rule whom it is for, as 价值等级：A."""
    return {
        each.id: ground(
            {
                axis.strip("_"): ",".join(str(value) for value in wanted)
                for axis in When.model_fields
                if (wanted := getattr(each.when, axis)) is not None
            },
            words,
        )
        for each in policy.rule
    }


def ground(when: Mapping[str, str], words: Words) -> str:
    """Why a rule fitted, axis by axis."""
    return words.listed([_met(axis, value, words) for axis, value in when.items()])


def _met(axis: str, value: str, words: Words) -> str:
    if axis == "protection":
        return named(PROTECTIONS, value, words)
    name, said = named(AXES, axis, words), value_of(axis, value, words)
    return words.text("%(name)s: %(value)s", name=name, value=said)


def why_first(promised: Mapping[str, Any] | None, words: Words) -> str:
    """Why an order has its priority: to whom it is owed, and on what ground."""
    if promised is None:
        return ""
    if promised["rule"] in EVERYBODYS:
        return rule(promised["rule"], words)
    why = ground(promised.get("when", {}), words) or promised["rule"]
    return words.text("account %(account)s · %(ground)s", account=promised["account"], ground=why)
