// Publish one message from Node.js 20.15 or later, without a package:
//   node publish_node.mjs USER SESSION TEXT
// The contract is docs/events.md. With the package `redis`, the last lines become client.xAdd(…).
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
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

const command = (...words) =>
  `*${words.length}\r\n` + words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("");
const socket = connect(Number(url.port || 6379), url.hostname);
socket.write(command("SELECT", url.pathname.slice(1) || "0"));
socket.write(command("XADD", stream, "*", "event", JSON.stringify(event)));
let replies = "";
socket.on("data", (data) => {
  replies += data;
  if (replies.startsWith("-") || replies.includes("\r\n-")) throw new Error(replies.trim());
  if (replies.split("\r\n").length > 3) socket.end(); // +OK, $15, 1700000000000-0
});
