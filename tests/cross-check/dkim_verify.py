#!/usr/bin/env python3
"""Says which signatures of mails hold, by dkimpy.

Reads JSON: "records" (name in DNS: text of its TXT record) and "messages" (each in base64). Writes,
for each message, a list with the verdict on each of its signatures. DNS is not asked.
"""

import base64
import json
import sys

import dkim


def verdicts(message, records):
    def txt(name, timeout=5):
        record = records.get(name.decode().rstrip("."))
        return record and record.encode()

    signatures = sum(name.lower() == b"dkim-signature" for name, _ in dkim.rfc822_parse(message)[0])
    return [verdict(message, index, txt) for index in range(signatures)]


def verdict(message, index, txt):
    try:
        return dkim.DKIM(message).verify(index, dnsfunc=txt)
    except dkim.DKIMException:
        return False


asked = json.load(sys.stdin)
messages = map(base64.b64decode, asked["messages"])
json.dump([verdicts(message, asked["records"]) for message in messages], sys.stdout)
