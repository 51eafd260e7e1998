"""Reads orders by itself, and deletes one only when a person has agreed to that very order.

usage: python database_agent.py FILE ORDER
"""

import sqlite3
import sys

from aim_sdk import ActionDenied, ApprovalDenied, secure

FILE = sys.argv[1] if len(sys.argv) > 1 else "orders.db"

agent = secure("database-agent", write_paths=[FILE])


def fill() -> None:
    """What an earlier day has left."""
    with sqlite3.connect(FILE) as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, item TEXT)")
        database.execute("INSERT OR IGNORE INTO orders VALUES ('7', 'tea'), ('8', 'kettle')")
    database.close()


@agent.track_action(name="db:query", resource="orders")
def list_orders() -> list[tuple[str, str]]:
    database = sqlite3.connect(f"file:{FILE}?mode=ro", uri=True)
    rows = database.execute("SELECT id, item FROM orders ORDER BY id").fetchall()
    database.close()
    return rows


@agent.require_approval(name="db:delete", resource="orders/{order}", timeout=60)
def delete_order(order: str) -> None:
    with sqlite3.connect(FILE) as database:
        database.execute("DELETE FROM orders WHERE id = ?", [order])
    database.close()


def main() -> None:
    fill()
    print(f"orders: {list_orders()}")
    try:
        print("waiting for a person", flush=True)
        delete_order(sys.argv[2])
        print(f"deleted; orders: {list_orders()}")
    except ApprovalDenied as denied:
        print(f"a person said no: {denied}")
    except ActionDenied as denied:
        print(f"not deleted: {denied}")
    finally:
        agent.close()


if __name__ == "__main__":
    main()
