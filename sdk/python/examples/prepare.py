"""Signs in, makes an API key for this machine, and grants the example agents what they need.

usage: AIM_PASSWORD=… python prepare.py

    AIM_URL           the server; default http://127.0.0.1:8080
    AIM_EMAIL         default admin@aim.local
    AIM_PASSWORD      asked for when it is not set
    AIM_NEW_PASSWORD  takes the place of a one-time password; asked for when it is needed
"""

import getpass
import json
import os
import urllib.request
from typing import Any

from places import FLIGHTS, MAIL_SERVER, WEATHER

from aim_sdk import secure
from aim_sdk.settings import DEFAULT_URL, home

URL = os.environ.get("AIM_URL", DEFAULT_URL)
EMAIL = os.environ.get("AIM_EMAIL", "admin@aim.local")

#: Capabilities and the resources that each is for.
GRANTS = {
    "weather-agent": [("get_weather", f"{WEATHER}/*")],
    "flight-tracker": [("get_flight", f"{FLIGHTS}/*")],
    "database-agent": [("db:query", "orders"), ("db:delete", "orders/*")],
    "mail-assistant": [
        ("email:read", "inbox"),
        ("summarize", "inbox/*"),
        ("email:send", "*@ours.example"),
        ("network:connect", f"tcp://{MAIL_SERVER}"),
    ],
}


def ask(mutation: str, fields: dict[str, Any], answer: str, token: str = "") -> Any:
    """What a mutation answers; ends the program with what was wrong."""
    kind = mutation[0].upper() + mutation[1:]
    query = f"""mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{
        {answer} userErrors {{ code message }} }} }}"""
    body = json.dumps({"query": query, "variables": {"input": fields}}).encode()
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{URL}/graphql", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            said = json.load(reply)
    except OSError as error:
        raise SystemExit(f"no answer from AIM at {URL} ({error}); set AIM_URL") from None
    payload = (said.get("data") or {}).get(mutation) or {}
    for error in [*said.get("errors", ()), *payload.get("userErrors", ())]:
        # What was prepared before is still there.
        if error.get("code") != "CONFLICT":
            raise SystemExit(f"{mutation}: {error['message']}")
    return payload


def sign_in() -> str:
    """A person's token; a one-time password is replaced."""
    password = os.environ.get("AIM_PASSWORD") or getpass.getpass(f"password of {EMAIL}: ")
    session = "session { accessToken user { mustChangePassword } }"
    signed_in = ask("signIn", {"email": EMAIL, "password": password}, session)["session"]
    if signed_in is None:
        raise SystemExit(f"{EMAIL} has a second factor; take an account without one")
    if signed_in["user"]["mustChangePassword"]:
        new = os.environ.get("AIM_NEW_PASSWORD") or getpass.getpass("new password: ")
        change = {"currentPassword": password, "newPassword": new}
        signed_in = ask("changePassword", change, session, signed_in["accessToken"])["session"]
    return str(signed_in["accessToken"])


def keep(secret: str) -> None:
    """The SDK's profile, which nobody else may read."""
    home().mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(home() / "sdk.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w") as profile:
        json.dump({"url": URL, "api_key": secret}, profile)


def main() -> None:
    token = sign_in()
    wanted = {"name": "examples", "permissions": ["READ", "REGISTER_AGENT"]}
    made = ask("createApiKey", wanted, "created { secret }", token)
    keep(made["created"]["secret"])
    for name, grants in GRANTS.items():
        agent = secure(name, url=URL)
        for capability, resource in grants:
            fields = {"agentId": agent.id, "capability": capability, "resource": resource}
            ask("grantCapability", fields, "grant { id }", token)
        print(f"{name}: {', '.join(capability for capability, _ in grants)}")
        agent.close()


if __name__ == "__main__":
    main()
