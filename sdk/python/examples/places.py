"""Where the examples get what they need; the environment can say otherwise."""

import os

WEATHER = os.environ.get("WEATHER_URL", "https://wttr.in")
FLIGHTS = os.environ.get("FLIGHTS_URL", "https://opensky-network.org")
MAIL_SERVER = os.environ.get("MAIL_SERVER", "127.0.0.1:1025")
#: Where the examples' attackers want things to be sent.
ATTACKER = os.environ.get("ATTACKER_URL", "https://collect.attacker.example")
