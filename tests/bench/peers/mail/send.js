// Sends COUNT mails through the pool as fast as it goes: `node send.js raw|built`.
import { built, pool, raw, report } from "./mailer.js";

const compose = process.argv[2] === "raw" ? raw : built;
const count = Number(process.env.COUNT);
const [startedAt, cpu] = [performance.now(), process.cpuUsage()];

let next = 0;
// The pool waits for more when it is idle, and hands over only what it has room for.
await new Promise((resolve, reject) => {
  let done = 0;
  const refill = () => {
    while (pool.isIdle() && next < count) {
      pool.sendMail(compose(next++)).then(() => {
        if (++done === count) resolve();
      }, reject);
    }
  };
  pool.on("idle", refill);
  refill();
});
report(count, startedAt, cpu);
pool.close();
