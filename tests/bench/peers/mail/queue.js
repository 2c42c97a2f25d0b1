// Jobs in Redis, a worker, mails: `node queue.js fill` puts COUNT delayed jobs into Redis, all due at
// DUE_AT (milliseconds); `node queue.js work` sends what is due until nothing is left.
import { Queue, Worker } from "bullmq";
import { built, pool, report } from "./mailer.js";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null };
const count = Number(process.env.COUNT);

if (process.argv[2] === "fill") {
  const queue = new Queue("invitations", { connection });
  const delay = () => Math.max(1, Number(process.env.DUE_AT) - Date.now());
  for (let from = 0; from < count; from += 1000) {
    const numbers = Array.from({ length: Math.min(1000, count - from) }, (_, i) => from + i);
    await queue.addBulk(
      numbers.map((number) => ({
        name: "invite",
        data: { number },
        opts: { delay: delay(), jobId: `order-${number}`, removeOnComplete: true, attempts: 5 },
      })),
    );
  }
  await queue.close();
  pool.close();
} else {
  let done = 0;
  let [startedAt, cpu] = [];
  const worker = new Worker(
    "invitations",
    async (job) => {
      // The first job that is due starts the watch.
      startedAt ??= performance.now();
      cpu ??= process.cpuUsage();
      await pool.sendMail(built(job.data.number));
    },
    { connection, concurrency: 4 * Number(process.env.CONNECTIONS) },
  );
  worker.on("completed", async () => {
    if (++done < count) return;
    report(count, startedAt, cpu);
    await worker.close();
    pool.close();
  });
}
