/**
 * Standard Webhooks 1.0, as AFS reads them: https://www.standardwebhooks.com
 *
 * This file is the same in each integration that runs on Node.js.
 */

import { createHmac } from "node:crypto";

/** How long AFS may take to answer. */
const TIMEOUT_MILLIS = 10_000;

/** Posts an event. Throws unless AFS has stored it; then it has to be posted again, under the same id. */
export async function post(url: string, secret: string, id: string, event: object): Promise<void> {
  const body = JSON.stringify(event);
  const timestamp = Math.floor(Date.now() / 1000);
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signature(secret, id, timestamp, body),
    },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MILLIS),
  });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(`AFS answered ${answer.status}: ${text.slice(0, 200)}`);
  }
}

/** The value of `webhook-signature`. */
export function signature(secret: string, id: string, timestamp: number, body: string): string {
  const key = Buffer.from(secret.trim().replace(/^whsec_/, ""), "base64");
  if (key.length < 24) {
    throw new Error("The AFS secret is not whsec_ and 24 bytes or more in base64.");
  }
  return "v1," + createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
}
