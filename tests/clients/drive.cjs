// A program on stdin → what the vendor's client made of it, on stdout. Both are JSON.
//
//   node drive.cjs http://127.0.0.1:9000 < program.json
//
// The program is a list of calls, made one after the other:
//   {"client": "track" | "app" | "pipelines", "method": "identify", "args": ["1", {}], "settings": {}, "keys": []}
// Each becomes {"value": …} or {"error": {"name", "message", "statusCode", "retryAfter"}}.
// What JSON cannot say is an object of one member: {"$": "undefined"}, {"$": "NaN"}, {"$": "2020-01-01T00:00:00Z"}.
"use strict";
const { APIClient, PipelinesClient, TrackClient } = require("customerio-node");

const special = { undefined: undefined, NaN: NaN };

function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value);
  if (names.length === 1 && names[0] === "$") return value.$ in special ? special[value.$] : new Date(value.$);
  return Object.fromEntries(names.map((name) => [name, revived(value[name])]));
}

function clientOf(call, url) {
  const [user, password] = call.keys ?? ["site", "key"];
  const settings = { timeout: 2000, ...call.settings };
  if (call.client === "app") return new APIClient(call.keys?.[0] ?? "app", { url: `${url}/v1`, ...settings });
  if (call.client === "pipelines") return new PipelinesClient(call.keys?.[0] ?? "cdp", { url: `${url}/v1`, ...settings });
  return new TrackClient(user, password, { url: `${url}/api/v1`, ...settings });
}

async function made(call, url) {
  try {
    return { value: await clientOf(call, url)[call.method](...revived(call.args)) };
  } catch (error) {
    const { name, message, statusCode, response } = error;
    return { error: { name, message, statusCode, retryAfter: response?.headers["retry-after"] } };
  }
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const results = [];
  for (const call of JSON.parse(text)) results.push(await made(call, process.argv[2]));
  process.stdout.write(JSON.stringify(results));
}

main();
