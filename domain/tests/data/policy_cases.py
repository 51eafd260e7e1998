#!/usr/bin/env python3
"""Writes policy_cases.json: one policy, one action, and whether the policy matches.

What is expected is computed here, in another language and with other libraries (zoneinfo, ipaddress, re)
than the rules under test, or is said by hand: `python3 policy_cases.py > policy_cases.json`.
"""

import ipaddress
import itertools
import json
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
RISKS = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
AGENTS = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(1, 4)]
CALM = {
    "agent": AGENTS[0],
    "agentType": "LLM_AGENT",
    "tags": ["blue"],
    "action": "files:read",
    "resource": "/data/a.csv",
    "risk": "LOW",
    "trust": 7000,
    "granted": True,
    "address": "10.1.2.3",
    "at": "2026-03-04T12:00:00Z",
}
cases = []


def like(patterns, text):
    return any(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.S) for pattern in patterns
    )


def covers(scope, facts):
    resource = facts["resource"]
    return all(
        [
            not scope.get("agents") or facts["agent"] in scope["agents"],
            not scope.get("agent_types") or facts["agentType"] in scope["agent_types"],
            not scope.get("tags") or bool(set(scope["tags"]) & set(facts["tags"])),
            not scope.get("actions") or like(scope["actions"], facts["action"]),
            not scope.get("resources") or (resource is not None and like(scope["resources"], resource)),
        ]
    )


def in_window(window, local):
    def minute(text):
        hours, minutes = text.split(":")
        return int(hours) * 60 + int(minutes)

    begin, end = minute(window["from"]), minute(window["to"])
    length = end - begin if end > begin else end + 1440 - begin
    # Wall-clock minutes since the beginning, if the window began today or yesterday.
    for back in (0, 1):
        day = DAYS[(local.weekday() - back) % 7]
        since = local.hour * 60 + local.minute + back * 1440 - begin
        if (not window["days"] or day in window["days"]) and 0 <= since < length:
            return True
    return False


def address_in(pattern, text):
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    if "*" in pattern:
        return address.version == 4 and all(
            p in ("*", a) for p, a in zip(pattern.split("."), str(address).split("."))
        )
    network = ipaddress.ip_network(pattern, strict=False)
    return network.version == address.version and address in network


def rule_matches(rule, facts):
    kind = rule["kind"]
    if kind == "ALWAYS":
        return True
    if kind == "RESOURCE_OUTSIDE":
        return facts["resource"] is None or not like(rule["allowed"], facts["resource"])
    if kind == "HOST_OUTSIDE":
        # Only plain web addresses are generated; trickier ones are said by hand.
        if facts["resource"] is None or "://" not in facts["resource"]:
            return False
        return not like(rule["allowed"], urlsplit(facts["resource"]).hostname)
    if kind == "TIME":
        at = datetime.fromisoformat(facts["at"].replace("Z", "+00:00"))
        local = at.astimezone(ZoneInfo(rule["zone"]))
        inside = any(in_window(window, local) for window in rule["windows"])
        return inside == (rule["when"] == "INSIDE")
    if kind == "NETWORK":
        within = lambda name: any(address_in(it, facts["address"]) for it in rule.get(name, []))
        if facts["address"] is None:
            return bool(rule.get("allow"))
        return within("deny") or bool(rule.get("allow") and not within("allow"))
    if kind == "TRUST_BELOW":
        if facts["trust"] is None:
            return rule.get("with_unscored", False)
        return facts["trust"] < rule["least"]
    if kind == "RISK_FROM":
        return RISKS.index(facts["risk"]) >= RISKS.index(rule["risk"])
    if kind == "CAPABILITY_VIOLATION":
        return not facts["granted"]
    raise ValueError(kind)


def case(name, rule, scope=None, expected=None, **facts):
    scope = scope or {}
    facts = CALM | facts
    computed = covers(scope, facts) and rule_matches(rule, facts)
    if expected is not None and kind_is_plain(rule, facts):
        assert computed == expected, (name, rule, scope, facts)
    matches = computed if expected is None else expected
    cases.append({"name": name, "rule": rule, "scope": scope, "facts": facts, "matches": matches})


def kind_is_plain(rule, facts):
    resource = facts["resource"] or ""
    return rule["kind"] != "HOST_OUTSIDE" or re.fullmatch(r"https://[a-z0-9.-]*[a-z0-9](/[a-z]*)?", resource)


ALWAYS = {"kind": "ALWAYS"}

# Scopes.
for agents, types, tags in itertools.product(
    ([], [AGENTS[0]], [AGENTS[1], AGENTS[2]]),
    ([], ["LLM_AGENT", "CUSTOM"], ["WORKFLOW"]),
    ([], ["blue"], ["red", "green"]),
):
    case("who", ALWAYS, {"agents": agents, "agent_types": types, "tags": tags})
case("no tags, none asked for", ALWAYS, {"tags": []}, True, tags=[])
case("no tags, one asked for", ALWAYS, {"tags": ["blue"]}, False, tags=[])
case("tags have case", ALWAYS, {"tags": ["Blue"]}, False)
for pattern, action in itertools.product(
    ["files:read", "files:*", "*:read", "*", "files:r*d", "Files:read", "files", "f*:*e*", "file*s:*"],
    ["files:read", "files:write", "db:read", "files", "files:", "FILES:read"],
):
    case("action", ALWAYS, {"actions": [pattern]}, action=action)
case("one action of several", ALWAYS, {"actions": ["db:*", "files:read", "mail:send"]}, True)
case("none of several", ALWAYS, {"actions": ["db:*", "mail:send", "*:write"]}, False)
for pattern, resource in itertools.product(
    ["/data/*", "*.csv", "/data/a.csv", "*", "*/../*", "/DATA/*"],
    ["/data/a.csv", "/etc/passwd", "/data/../etc/passwd", "/data/", "/data", None, "/data/ä.csv"],
):
    case("resource", ALWAYS, {"resources": [pattern]}, resource=resource)

# Resources that are not among some.
for allowed, resource in itertools.product(
    ([], ["/data/*"], ["*.csv", "/tmp/*"]),
    ["/data/a.csv", "/etc/passwd", "/tmp/x", None, "/tmp"],
):
    case("resource outside", {"kind": "RESOURCE_OUTSIDE", "allowed": allowed}, resource=resource)

# Hosts outside.
for allowed, resource in itertools.product(
    ([], ["api.example.org"], ["*.example.org", "example.net"]),
    [
        "https://api.example.org/x",
        "https://example.net/",
        "https://evil.example/x",
        "https://api.example.org.evil.example/",
        "/data/a.csv",
        None,
    ],
):
    case("host outside", {"kind": "HOST_OUTSIDE", "allowed": allowed}, resource=resource)
OURS = {"kind": "HOST_OUTSIDE", "allowed": ["*.example.org"]}
case("the host hides behind a user", OURS, None, True, resource="https://api.example.org@evil.example/x")
case("a backslash ends the host", OURS, None, True, resource="https://evil.example\\@api.example.org/")
case("hosts have no case", OURS, None, False, resource="https://API.Example.ORG/x")
case("a port is no part of it", OURS, None, False, resource="https://api.example.org:8443/x")
case("a final dot is no part of it", OURS, None, False, resource="https://api.example.org./x")
case("mail goes to hosts, too", OURS, None, True, resource="alice@evil.example")
case("mail to a friend", OURS, None, False, resource="alice@mail.example.org")
case("one stranger among friends", OURS, None, True, resource="a@x.example.org, b@evil.example")
case("an address without a name", OURS, None, True, resource="http://[2001:db8::1]/x")

# Hours.
OFFICE = [{"days": DAYS[:5], "from": "08:00", "to": "18:00"}]
NIGHT = [{"days": ["FRIDAY"], "from": "22:00", "to": "06:00"}]
SHIFTS = [
    {"days": [], "from": "00:00", "to": "02:30"},
    {"days": ["SUNDAY"], "from": "02:00", "to": "24:00"},
]
MONDAY = datetime(2026, 3, 2, tzinfo=timezone.utc)
MOMENTS = [MONDAY + timedelta(minutes=1440 * day + minute) for day, minute in [
    (0, 0), (0, 479), (0, 480), (0, 1079), (0, 1080), (4, 1319), (4, 1320), (5, 359), (5, 360),
    (5, 720), (6, 0), (6, 120), (6, 1439), (2, 150), (2, 149), (3, 1380),
]]
# Both changes of the clock in Berlin and in New York, and a day with an hour that came twice.
MOMENTS += [
    datetime.fromisoformat(text)
    for text in [
        "2026-03-29T00:59:00+00:00", "2026-03-29T01:00:00+00:00", "2026-10-25T00:30:00+00:00",
        "2026-10-25T01:30:00+00:00", "2026-03-08T06:59:00+00:00", "2026-03-08T07:00:00+00:00",
        "2026-11-01T05:30:00+00:00", "2026-11-01T06:30:00+00:00", "2026-12-31T23:59:59+00:00",
    ]
]
for zone, windows in [
    ("UTC", OFFICE), ("Europe/Berlin", OFFICE), ("America/New_York", OFFICE),
    ("Asia/Kathmandu", NIGHT), ("Europe/Berlin", NIGHT), ("Pacific/Auckland", SHIFTS),
]:
    for at in MOMENTS:
        rule = {"kind": "TIME", "zone": zone, "windows": windows, "when": "OUTSIDE"}
        case("hours", rule, at=at.isoformat().replace("+00:00", "Z"))
for at in MOMENTS[:8]:
    rule = {"kind": "TIME", "zone": "UTC", "windows": NIGHT + OFFICE, "when": "INSIDE"}
    case("within hours", rule, at=at.isoformat().replace("+00:00", "Z"))

# Networks.
NETWORKS = [
    {"allow": ["10.0.0.0/8"]},
    {"deny": ["10.1.0.0/16", "2001:db8::/32"]},
    {"allow": ["10.0.0.0/8", "192.168.*.*"], "deny": ["10.1.2.3"]},
    {"allow": ["2001:db8::/32", "192.168.7.1"]},
    {"deny": ["*.*.*.*"]},
]
for lists, address in itertools.product(NETWORKS, [
    "10.1.2.3", "10.9.9.9", "192.168.7.1", "8.8.8.8", "2001:db8::7", "2001:db9::7", None,
    "::ffff:10.9.9.9", "::1",
]):
    case("network", {"kind": "NETWORK", **lists}, address=address)

# Trust, risk, grants.
for least, trust, unscored in itertools.product([0, 5000, 10000], [None, 0, 4999, 5000, 10000], [False, True]):
    case("trust", {"kind": "TRUST_BELOW", "least": least, "with_unscored": unscored}, trust=trust)
for least, risk in itertools.product(RISKS, RISKS):
    case("risk", {"kind": "RISK_FROM", "risk": least}, risk=risk)
for granted, actions in itertools.product([True, False], [[], ["files:*"], ["db:*"]]):
    case("grant", {"kind": "CAPABILITY_VIOLATION"}, {"actions": actions}, granted=granted)

print(json.dumps(cases, ensure_ascii=False, indent=None, separators=(",", ":")).replace('},{"name"', '},\n{"name"'))
