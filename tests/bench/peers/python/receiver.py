"""Takes signed orders and puts a delayed arq job for each into Redis."""

import base64
import hmac
import json
import os
from contextlib import asynccontextmanager
from datetime import timedelta

from arq import create_pool
from arq.connections import RedisSettings
from fastapi import FastAPI, Request, Response

SECRET = os.environ["SECRET"].encode()
WEEK = timedelta(days=7)


@asynccontextmanager
async def lifespan(app):
    app.state.queue = await create_pool(RedisSettings(port=int(os.environ["REDIS_PORT"])))
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/{shop}")
async def receive(request: Request, shop: str) -> Response:
    body = await request.body()
    expected = base64.b64encode(hmac.digest(SECRET, body, "sha256")).decode()
    if not hmac.compare_digest(expected, request.headers.get("x-shopify-hmac-sha256", "")):
        return Response(status_code=401)
    order = json.loads(body)
    if order["fulfillment_status"] == "fulfilled":
        job = {
            "order": order["id"],
            "number": order["name"],
            "email": order["email"],
            "name": f"{order['customer']['first_name']} {order['customer']['last_name']}",
            "locale": order["customer_locale"],
            "items": [{"title": item["title"], "sku": item["sku"]} for item in order["line_items"]],
        }
        # The job's id is what de-duplicates: an event that comes again is not added again.
        event = request.headers["x-shopify-event-id"]
        await app.state.queue.enqueue_job("invite", job, _job_id=event, _defer_by=WEEK)
    return Response()
