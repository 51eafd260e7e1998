"""What modules and functions let a program do, in the names of the server's catalogue."""

from __future__ import annotations

_HTTP = ("network:fetch", "network:post")
_SQL = ("db:query", "db:write")
_RUN = ("system:execute",)
_API = ("api:call",)

#: By module; the longest name that is a module or one of its parents counts.
MODULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["aiohttp", "http.client", "httpx", "requests", "socket"], _HTTP),
    **dict.fromkeys(["urllib.request", "urllib3", "websockets", "websocket"], _HTTP),
    **dict.fromkeys(["ftplib", "paramiko", "telnetlib"], _HTTP),
    **dict.fromkeys(["subprocess", "pexpect", "sh", "pty", "asyncio.subprocess"], _RUN),
    **dict.fromkeys(["sqlite3", "psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb"], _SQL),
    **dict.fromkeys(["mysql.connector", "sqlalchemy", "aiosqlite", "oracledb", "pyodbc"], _SQL),
    **dict.fromkeys(["duckdb", "peewee", "pymongo", "motor", "redis", "cassandra"], _SQL),
    **dict.fromkeys(["smtplib", "aiosmtplib", "sendgrid", "postmarker"], ("email:send",)),
    **dict.fromkeys(["imaplib", "poplib", "aioimaplib"], ("email:read",)),
    **dict.fromkeys(["boto3", "google.cloud", "azure", "stripe", "slack_sdk"], _API),
    **dict.fromkeys(["openai", "anthropic", "cohere", "mistralai"], _API),
    "psutil": ("system:read",),
    "mcp": ("mcp:list", "mcp:call"),
    "ldap3": ("user:read",),
}

#: By the name that a function has after imports are followed.
CALLS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["os.system", "os.popen", "os.posix_spawn", "os.startfile"], _RUN),
    **dict.fromkeys(["asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"], _RUN),
    **dict.fromkeys(["os.listdir", "os.scandir", "os.walk", "glob.glob"], ("files:list",)),
    **dict.fromkeys(["os.remove", "os.unlink", "os.rmdir", "shutil.rmtree"], ("files:delete",)),
    **dict.fromkeys(["os.rename", "os.replace", "os.makedirs", "os.mkdir"], ("files:write",)),
    **dict.fromkeys(["shutil.copy", "shutil.copyfile", "shutil.move"], ("files:write",)),
    **dict.fromkeys(["shutil.copy2", "shutil.copytree"], ("files:write",)),
}

#: By the name of a method, whatever it is called on; pathlib's own names.
METHODS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["read_text", "read_bytes"], ("files:read",)),
    **dict.fromkeys(["write_text", "write_bytes"], ("files:write",)),
    "unlink": ("files:delete",),
    "iterdir": ("files:list",),
}

#: Decorators and calls of this SDK that name an action.
ACTIONS = frozenset(
    {"track_action", "require_approval", "action", "verify_action", "averify_action"}
)

#: Decorators that hand a function to a model as a tool.
TOOLS = frozenset({"tool", "function_tool"})


def of_module(name: str) -> tuple[str, ...]:
    """What importing a module lets a program do."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if found := MODULES.get(".".join(parts[:length])):
            return found
    return ()
