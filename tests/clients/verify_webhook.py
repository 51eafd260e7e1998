"""Checks requests with the public library of Standard Webhooks.

Standard input is JSON: `secret`, `headers`, `body`. The last line of the output is `verified`, or the
library's words.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

given = json.load(sys.stdin)
try:
    Webhook(given["secret"]).verify(given["body"], given["headers"])
    print("verified")
except WebhookVerificationError as error:
    print(f"refused: {error}")
