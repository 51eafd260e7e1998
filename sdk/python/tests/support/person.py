"""The owner of the organization, signed in."""

from typing import Any

import httpx

from support.server import Server

PASSWORD = "a password of tests only"
_SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }"
_CHANGE = """mutation($input: ChangePasswordInput!) { changePassword(input: $input) {
    session { accessToken } userErrors { message } } }"""


class Person:
    """Asks as a person does, and fails on every error."""

    def __init__(self, server: Server, password: str | None = None) -> None:
        self.url = server.url
        self._http = httpx.Client(trust_env=False, timeout=60)
        self.token = ""
        once = server.api.password or password
        given = {"email": "admin@aim.local", "password": once}
        self.token = self.ask(_SIGN_IN, given)["signIn"]["session"]["accessToken"]
        if server.api.password:
            change = {"currentPassword": once, "newPassword": PASSWORD}
            self.token = self.ask(_CHANGE, change)["changePassword"]["session"]["accessToken"]

    def close(self) -> None:
        """Hangs up."""
        self._http.close()

    def ask(self, query: str, fields: dict[str, Any] | None = None, **variables: Any) -> Any:
        """The ``data`` of the answer."""
        if fields is not None:
            variables["input"] = fields
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": query, "variables": variables}
        answer = self._http.post(f"{self.url}/graphql", json=body, headers=headers).json()
        assert not answer.get("errors"), answer
        for payload in answer["data"].values():
            assert not (isinstance(payload, dict) and payload.get("userErrors")), answer
        return answer["data"]

    def mutate(self, name: str, fields: str, /, **given: Any) -> Any:
        """What a mutation answers."""
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"""mutation($input: {kind}!) {{ {name}(input: $input) {{
            {fields} userErrors {{ code message field }} }} }}"""
        return self.ask(query, given)[name]

    def api_key(self, *permissions: str) -> str:
        """A new API key."""
        wanted = list(permissions or ("READ", "REGISTER_AGENT"))
        fields = "created { secret }"
        made = self.mutate("createApiKey", fields, name="sdk", permissions=wanted)
        return made["created"]["secret"]

    def grant(self, agent_id: str, *capabilities: str, resource: str | None = None) -> None:
        """Grants capabilities."""
        for capability in capabilities:
            self.mutate(
                "grantCapability",
                "grant { id }",
                agentId=agent_id,
                capability=capability,
                resource=resource,
            )

    def agent(self, agent_id: str) -> Any:
        """What the server says of an agent."""
        return self.ask("query($id: ID!) { agent(id: $id) { status } }", id=agent_id)["agent"]

    def verifications(self, agent_id: str) -> list[Any]:
        """An agent's, newest first."""
        query = """query($id: ID!) { verifications(first: 100, filter: { agentId: $id }) { nodes {
            id action resource decision risk outcome durationMs reasons { code } session task
            approval { status } } } }"""
        return self.ask(query, id=agent_id)["verifications"]["nodes"]

    def answer(self, verification_id: str, is_approved: bool) -> None:
        """Approves or denies a pending verification."""
        name = "approveVerification" if is_approved else "denyVerification"
        given = {"verificationId": verification_id, "reason": "seen"}
        self.mutate(name, "verification { id }", **given)
