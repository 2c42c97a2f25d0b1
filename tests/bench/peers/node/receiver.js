// Takes signed orders and puts a delayed job for each into Redis: FRAMEWORK is fastify or express,
// and as many processes as PROCESSES share the port.
import cluster from "node:cluster";
import crypto from "node:crypto";
import { Queue } from "bullmq";

const { FRAMEWORK, PORT, PROCESSES, REDIS_PORT, SECRET } = process.env;
const WEEK = 7 * 24 * 60 * 60 * 1000;

function isGenuine(body, signature) {
  const expected = crypto.createHmac("sha256", SECRET).update(body).digest();
  const given = Buffer.from(signature ?? "", "base64");
  return given.length === expected.length && crypto.timingSafeEqual(given, expected);
}

async function receive(queue, headers, body) {
  if (!isGenuine(body, headers["x-shopify-hmac-sha256"])) return 401;
  const order = JSON.parse(body);
  if (order.fulfillment_status !== "fulfilled") return 200;
  const job = {
    order: order.id,
    number: order.name,
    email: order.email,
    name: `${order.customer.first_name} ${order.customer.last_name}`,
    locale: order.customer_locale,
    items: order.line_items.map(({ title, sku }) => ({ title, sku })),
  };
  // The job's id is what de-duplicates: an event that comes again is not added again.
  await queue.add("invite", job, { jobId: headers["x-shopify-event-id"], delay: WEEK });
  return 200;
}

async function serve() {
  const connection = { host: "127.0.0.1", port: Number(REDIS_PORT), maxRetriesPerRequest: null };
  const queue = new Queue("invitations", { connection });
  await queue.waitUntilReady();
  if (FRAMEWORK === "fastify") {
    const { default: Fastify } = await import("fastify");
    const app = Fastify();
    app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_, body, done) => done(null, body));
    app.post("/webhooks/:shop", async (request, reply) => {
      reply.code(await receive(queue, request.headers, request.body));
      return "";
    });
    await app.listen({ host: "127.0.0.1", port: Number(PORT) });
  } else {
    const { default: express } = await import("express");
    const app = express();
    app.use(express.raw({ type: "application/json", limit: "1mb" }));
    app.post("/webhooks/:shop", async (request, response) => {
      response.status(await receive(queue, request.headers, request.body)).end();
    });
    app.listen(Number(PORT), "127.0.0.1");
  }
}

if (Number(PROCESSES) > 1 && cluster.isPrimary) {
  for (let i = 0; i < Number(PROCESSES); i++) cluster.fork();
} else {
  await serve();
}
