"""The kinds of rows about customers in the order in which they are taken in, and a table's words for each."""

from typing import Any

from cloud.customers.file.consents import consent_table
from cloud.customers.file.contracts import contract_table
from cloud.customers.file.grades import grade_table
from cloud.customers.file.needs import NeedOrigin, need_table
from cloud.customers.file.persons import person_table
from cloud.customers.intake import follows, judges
from cloud.customers.intake.entries import (
    AccountEntry,
    ConsentEntry,
    ContactEntry,
    ContractEntry,
    CustomerEntry,
    GradeEntry,
    NeedEntry,
    PersonEntry,
    ServiceEntry,
)
from cloud.customers.intake.kinds import Kind, Taking, Values
from cloud.customers.store import account_table, contact_table, customer_table, service_table


def _stamped(taking: Taking, **more: Any) -> Values:
    return {"by": taking.by, **more}


_SPAN = {"from_day": ("生效日期", "开始日期"), "to_day": ("终止日期", "结束日期")}
_ACCOUNT = ("户号", "用电户")
_CUSTOMER = ("客户编号", "客户")
CLASSES = {
    "大工业": "large_industry",
    "工商业": "business",
    "一般工商业": "business",
    "居民": "household",
    "居民生活": "household",
    "农业": "farm",
    "农业生产": "farm",
    "其他": "other",
}
_YES = {"是": "true", "否": "false"}

CUSTOMER_KINDS: tuple[Kind, ...] = (
    Kind(
        "customer",
        CustomerEntry,
        customer_table,
        ("id",),
        "customer",
        {"id": _CUSTOMER, "name": ("客户名称", "户名"), "language": ("语言",), "phone": ("电话", "联系电话")},
        {"language": {"中文": "zh_CN", "英文": "en"}},
        new=lambda _: {"language": "zh_CN"},
        guarded=False,
    ),
    Kind(
        "account",
        AccountEntry,
        account_table,
        ("no",),
        "customer",
        {"no": _ACCOUNT, "customer": _CUSTOMER, "address": ("用电地址", "地址"), "class": ("用电类别",)},
        {"class": CLASSES},
        judge=judges.account,
        after=judges.accounts_still_fit,
        owners={"class": "class"},
        guarded=False,
    ),
    Kind(
        "service",
        ServiceEntry,
        service_table,
        ("account", "meter", "start"),
        "account",
        {
            "account": _ACCOUNT,
            "meter": ("电能表", "表号"),
            "start": ("开始",),
            "end": ("结束",),
            "proven_at": ("核实时间",),
        },
        closes=("end", None),
        judge=judges.service,
        after=judges.served_twice,
        sticky=frozenset({"proven_at"}),
        guarded=False,
    ),
    Kind(
        "contact",
        ContactEntry,
        contact_table,
        ("customer", "channel"),
        "contact",
        {"customer": _CUSTOMER, "channel": ("通知渠道",)},
        secret=frozenset({"channel"}),
    ),
    Kind(
        "contract",
        ContractEntry,
        contract_table,
        ("account", "from_day"),
        "contract",
        {
            "account": _ACCOUNT,
            **_SPAN,
            "tariff": ("电价", "电价文件"),
            "plan": ("电价方案",),
            "voltage": ("电压等级", "供电电压"),
            "capacity_kva": ("运行容量", "合同容量"),
            "basis": ("基本电费计收方式",),
            "contracted_kw": ("核定需量", "合同需量"),
            "basis_fixed_until": ("计收方式锁定至",),
            "capacity_change_on": ("容量变更日期",),
            "standard": ("力调标准", "功率因数标准"),
            "price_source": ("购电方式",),
            "persons": ("家庭人口",),
            "moved_in": ("入住日期",),
            "round_the_clock": ("连续生产",),
            "pv_kwp": ("光伏装机",),
        },
        {
            "basis": {"容量": "capacity", "需量": "demand", "合同需量": "contract"},
            "price_source": {"目录": "administered", "代理购电": "agency_purchase", "市场": "market"},
            "round_the_clock": _YES,
        },
        needed=("tariff", "plan", "voltage"),
        closes=("to_day", None),
        judge=judges.contract,
    ),
    Kind(
        "grade",
        GradeEntry,
        grade_table,
        ("account", "from_day"),
        "grade",
        {"account": _ACCOUNT, **_SPAN, "grade": ("重要客户等级", "等级"), "list_no": ("名单文号", "文号")},
        {"grade": {"特级": "special", "一级": "first", "二级": "second", "临时": "temporary"}},
        new=lambda taking: _stamped(taking, recorded_at=taking.now),
        closes=("to_day", "ended_by"),
        judge=judges.grade,
    ),
    Kind(
        "need",
        NeedEntry,
        need_table,
        ("account", "need", "since"),
        "need",
        {
            "account": _ACCOUNT,
            "need": ("服务需求",),
            "since": ("提出日期",),
            "detail": ("说明",),
            "ended_at": ("终止日期",),
        },
        {
            "need": {
                "连续供电": "continuity",
                "电压敏感": "voltage",
                "价格敏感": "price",
                "需要帮助": "help",
                "联系渠道": "channel",
            }
        },
        new=lambda taking: _stamped(taking, origin=NeedOrigin.DECLARED.value, evidence={}, detail=""),
        closes=("ended_at", "ended_by"),
        judge=judges.need,
    ),
    Kind(
        "consent",
        ConsentEntry,
        consent_table,
        ("customer", "purpose", "given_at"),
        "consent",
        {
            "customer": _CUSTOMER,
            "purpose": ("同意事项",),
            "given_at": ("同意日期",),
            "how": ("同意方式",),
            "withdrawn_at": ("撤回日期",),
        },
        {
            "purpose": {
                "营销活动": "offers",
                "用电观察": "observation",
                "需求响应": "response",
                "屋顶踏勘": "roof",
            }
        },
        new=_stamped,
        closes=("withdrawn_at", "withdrawn_by"),
        judge=judges.consent,
        then=follows.consent,
    ),
    Kind(
        "person",
        PersonEntry,
        person_table,
        ("customer", "role", "phone"),
        "person",
        {
            "customer": _CUSTOMER,
            "role": ("角色",),
            "phone": ("电话", "联系电话"),
            "name": ("姓名",),
            "reach": ("联系方式",),
            "quiet_from": ("免打扰开始",),
            "quiet_until": ("免打扰结束",),
            "ended_at": ("终止日期",),
        },
        {
            "role": {
                "业主": "owner",
                "户主": "owner",
                "财务": "finance",
                "电工": "electrician",
                "电气负责人": "electrician",
                "代办人": "deputy",
                "值班": "duty",
                "其他": "other",
            },
            "reach": {
                "电话": "call",
                "短信": "sms",
                "邮件": "email",
                "企业微信": "wecom",
                "钉钉": "dingtalk",
                "站内": "inbox",
            },
        },
        new=lambda taking: _stamped(taking, since=taking.now, reach="call"),
        closes=("ended_at", "ended_by"),
        judge=judges.person,
        secret=frozenset({"phone"}),
    ),
)
