// Publish one message from Node.js 20.15 or later, without a package:
//   node publish_node.mjs USER SESSION TEXT
// The contract is docs/events.md. With the package `redis`, the last lines become client.xAdd(…).
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { connect as connectByTls } from "node:tls";
import { crc32 } from "node:zlib";

const [user, session, text] = process.argv.slice(2);
const prefix = process.env.MEMORY_PREFIX ?? "memory";
const partitions = Number(process.env.MEMORY_PARTITIONS ?? 8);
const url = new URL(process.env.REDIS_URL ?? "redis://localhost:6379/0");

const id = randomUUID();
const event = {
  type: "message",
  event_id: id,
  message_id: id, // the same event again, under the same id and stamp, is stored once
  created_at: Date.now() * 1000, // microseconds
  user_id: user,
  session_id: session,
  role: "user",
  content: text,
};
const stream = `${prefix}:{${crc32(session) % partitions}}:events`;

const commands = [
  ["SELECT", url.pathname.slice(1) || "0"],
  ["XADD", stream, "*", "event", JSON.stringify(event)],
];
if (url.password) {
  const [name, password] = [url.username || "default", url.password].map(decodeURIComponent);
  commands.unshift(["AUTH", name, password]);
}
const written = (words) =>
  `*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("");
const giveUp = (reason) => {
  console.error(`not published: ${reason}`);
  process.exit(1);
};

const port = Number(url.port || 6379);
const secure = url.protocol === "rediss:";
const socket = secure
  ? connectByTls({ host: url.hostname, port })
  : connect({ host: url.hostname, port });
socket.on("error", (error) => giveUp(error.message || error.code));
socket.write(commands.map(written).join(""));
let replies = "";
socket.on("data", (data) => {
  replies += data;
  const refused = replies.split("\r\n").find((line) => line.startsWith("-"));
  if (refused) giveUp(refused.slice(1));
  if (/\d+-\d+\r\n$/.test(replies)) socket.end(); // the id of the entry: 1700000000000-0
});
