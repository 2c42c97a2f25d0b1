// What the platforms' own libraries think of requests: of those that somebody else signed, of their
// own, and of each with something changed.
//
//     node cross-check.js signed.json > cases.json
//
// A request is `{ platform, secret, headers, body }`. A case also has `change` (what was done to it),
// `at` (when the library was asked) and `accepted`.

import { createHmac, generateKeyPairSync, sign as signWithKey } from "node:crypto";
import { readFileSync } from "node:fs";

import { Environment, Paddle } from "@paddle/paddle-node-sdk";
import { verifySignatureWithJwks } from "@saleor/app-sdk/auth";
import "@shopify/shopify-api/adapters/node";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { createSHA256HMAC } from "@shopify/shopify-api/runtime";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const BODY = JSON.stringify({ id: "1001", type: "order.completed", name: "Åsa Lind", data: {} });

const now = () => Math.floor(Date.now() / 1000);
const hmac = (secret, text) => createHmac("sha256", secret).update(text).digest("hex");

const stripe = new Stripe("sk_test_of_nobody");
const paddle = new Paddle("key_of_nobody", { environment: Environment.sandbox });
const keys = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const keySet = ({ publicKey }) =>
  JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), use: "sig", kid: "1" }] });
const saleorKeys = keys();

// For each platform: a secret and another one; the header with the signature; how a request is signed
// at a time, by the library if it can (Paddle's and Saleor's only verify); and whether the library
// accepts one. `list` says how the header holds several signatures, if it may.
const platforms = {
  paddle: {
    secret: "pdl_ntfset_01h7zckpd45ee_cross-check",
    other: "pdl_ntfset_01h7zckpd45ee_another",
    header: "paddle-signature",
    sign(secret, body, at) {
      return { "paddle-signature": `ts=${at};h1=${hmac(secret, `${at}:${body}`)}` };
    },
    accepts: ({ body, secret, headers }) =>
      paddle.webhooks.isSignatureValid(body, secret, headers["paddle-signature"]),
    list: { split: /;(?=h1=)/, join: ";", wrong: `h1=${"0".repeat(64)}` },
  },
  saleor: {
    secret: keySet(saleorKeys),
    other: keySet(keys()),
    header: "saleor-signature",
    sign(_secret, body) {
      const fields = { alg: "RS256", b64: false, crit: ["b64"], kid: "1" };
      const header = Buffer.from(JSON.stringify(fields)).toString("base64url");
      const signature = signWithKey("sha256", Buffer.from(`${header}.${body}`), saleorKeys.privateKey);
      return { "saleor-signature": `${header}..${signature.toString("base64url")}` };
    },
    accepts: ({ body, secret, headers }) =>
      verifySignatureWithJwks(secret, headers["saleor-signature"], body).then(() => true),
  },
  shopify: {
    secret: "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",
    other: "shpss_0000000000000000000000000000000f",
    header: "x-shopify-hmac-sha256",
    async sign(secret, body) {
      return {
        "x-shopify-hmac-sha256": await createSHA256HMAC(secret, body),
        "x-shopify-topic": "orders/fulfilled",
        "x-shopify-shop-domain": "cross-check.myshopify.com",
        "x-shopify-api-version": "2026-07",
        "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
      };
    },
    async accepts({ body, secret, headers }) {
      const shopify = shopifyApi({
        apiKey: "nobody",
        apiSecretKey: secret,
        apiVersion: Object.values(ApiVersion).at(-1),
        hostName: "localhost",
        isEmbeddedApp: false,
        logger: { level: LogSeverity.Error },
      });
      const rawRequest = { method: "POST", url: "/", headers };
      return (await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} })).valid;
    },
  },
  standard_webhooks: {
    secret: "whsec_YWZzLWZpeHR1cmUtc2VjcmV0LW9mLTMyLWJ5dGVzISE=",
    other: "whsec_QW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMtISEhISE=",
    header: "webhook-signature",
    sign(secret, body, at) {
      const id = "msg_2f8c1d";
      const signature = new Webhook(secret).sign(id, new Date(at * 1000), body);
      return { "webhook-id": id, "webhook-timestamp": `${at}`, "webhook-signature": signature };
    },
    accepts: ({ body, secret, headers }) => Boolean(new Webhook(secret).verify(body, headers)),
    list: { split: / /, join: " ", wrong: `v1,${"A".repeat(43)}=` },
  },
  stripe: {
    secret: "whsec_fixture5f2c0d8e4a1b4c7f9e3d6a2b",
    other: "whsec_another5f2c0d8e4a1b4c7f9e3d6a2b",
    header: "stripe-signature",
    sign(secret, body, at) {
      const parts = { payload: body, secret, timestamp: at };
      return { "stripe-signature": stripe.webhooks.generateTestHeaderString(parts) };
    },
    accepts: ({ body, secret, headers }) =>
      Boolean(stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret)),
    list: { split: /,(?=v1=)/, join: ",", wrong: `v1=${"0".repeat(64)}` },
  },
};

// Libraries say no in words, or by throwing.
async function accepted(request) {
  try {
    return (await platforms[request.platform].accepts(request)) === true;
  } catch {
    return false;
  }
}

// Another character of the same alphabet.
function flip(text, at) {
  return text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
}

function* changed(request) {
  const { header, other, list } = platforms[request.platform];
  const signature = request.headers[header];
  const signed = (value) => ({ ...request, headers: { ...request.headers, [header]: value } });
  yield ["nothing", request];
  const body = flip(request.body, Math.floor(request.body.length / 2));
  yield ["a letter of the body", { ...request, body }];
  yield ["a space behind the body", { ...request, body: `${request.body} ` }];
  yield ["a space in front of the body", { ...request, body: ` ${request.body}` }];
  yield ["another secret", { ...request, secret: other }];
  // Not the last one: padding hides some of its bits.
  yield ["a letter of the signature", signed(flip(signature, signature.length - 8))];
  yield ["the signature cut", signed(signature.slice(0, -1))];
  yield ["the signature twice as long", signed(signature + signature.slice(-8))];
  yield ["an empty signature", signed("")];
  const { [header]: _removed, ...rest } = request.headers;
  yield ["no signature", { ...request, headers: rest }];
  if (list) {
    const [first, ...more] = signature.split(list.split);
    const all = (...signatures) => signed(signatures.join(list.join));
    // What comes before the signatures, if anything does, stays there.
    const [before, genuine] = more.length > 0 ? [[first], more] : [[], [first]];
    yield ["a wrong signature before it", all(...before, list.wrong, ...genuine)];
    yield ["a wrong signature behind it", all(...before, ...genuine, list.wrong)];
    yield ["only a wrong signature", all(...before, list.wrong)];
  }
}

async function signed(platform, seconds) {
  const { secret, sign } = platforms[platform];
  return { platform, secret, headers: await sign(secret, BODY, now() + seconds), body: BODY };
}

async function* cases() {
  for (const request of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
    yield* changed(request);
  }
  for (const [platform, { list }] of Object.entries(platforms)) {
    yield* changed(await signed(platform, 0));
    // Platforms that sign the time are those that may send several signatures.
    for (const seconds of list ? [-400, -200, 200, 400] : []) {
      const change = `signed ${Math.abs(seconds)} s ${seconds < 0 ? "ago" : "ahead"}`;
      yield [change, await signed(platform, seconds)];
    }
  }
}

const told = [];
for await (const [change, request] of cases()) {
  const at = new Date().toISOString();
  told.push({ change, at, accepted: await accepted(request), ...request });
}
process.stdout.write(JSON.stringify(told));
