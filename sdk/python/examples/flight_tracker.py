"""Looks where flights are, several at one time.

usage: python flight_tracker.py ICAO24…
"""

import asyncio
import json
import sys
import urllib.request
from typing import Any

from places import FLIGHTS

from aim_sdk import ActionDenied, secure

agent = secure("flight-tracker")


def look(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=10) as reply:
        return json.load(reply)["states"]


async def get_flight(icao24: str) -> str:
    address = f"{FLIGHTS}/api/states/all?icao24={icao24}"
    async with agent.action("get_flight", resource=address, context={"icao24": icao24}):
        states = await asyncio.to_thread(look, address)
    if not states:
        return f"{icao24}: not in the air"
    sign, longitude, latitude = states[0][1].strip(), states[0][5], states[0][6]
    return f"{icao24}: {sign} at {latitude:.2f} {longitude:.2f}"


async def main() -> None:
    answers = await asyncio.gather(*map(get_flight, sys.argv[1:]), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, ActionDenied):
            raise answer
        print(answer)
    await agent.aclose()
    agent.close()


if __name__ == "__main__":
    asyncio.run(main())
