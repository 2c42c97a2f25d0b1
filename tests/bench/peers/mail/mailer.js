// What both peers share: a nodemailer pool, and the mail that AFS sends.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const mail = JSON.parse(readFileSync(process.env.MAIL_FILE));

export const pool = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(process.env.SMTP_PORT),
  pool: true,
  maxConnections: Number(process.env.CONNECTIONS),
  maxMessages: Infinity,
  ignoreTLS: true,
});

/** The mail as bytes that are ready to go. */
export const raw = (number) => ({
  envelope: { from: mail.from, to: [`buyer-${number}@example.com`] },
  raw: mail.raw,
});

/** The mail from its parts: the library composes it. */
export const built = (number) => ({
  from: { name: mail.from_name, address: mail.from },
  to: { name: "Anna Andersson", address: `buyer-${number}@example.com` },
  subject: mail.subject,
  messageId: `<inv-${number}@example.com>`,
  headers: {
    "List-Unsubscribe": `<${mail.unsubscribe_url}>`,
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Auto-Submitted": "auto-generated",
  },
  text: mail.text,
  html: mail.html,
});

/** Says how it went: the bench reads this line. */
export function report(count, startedAt, cpuAtStart) {
  const { user, system } = process.cpuUsage(cpuAtStart);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(JSON.stringify({ count, seconds, cpu_seconds: (user + system) / 1e6 }));
}
