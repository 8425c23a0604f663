// A program on stdin → what the vendor's client made of it, on stdout. Both are JSON.
//
//   node drive.cjs http://127.0.0.1:9000 < program.json
//
// The program is a list of calls, made one after the other by one client, unless a call has keys of its own:
//   {"method": "customers.create", "args": [{}], "keys": ["app", "secret"]}
// Each becomes {"value": …} or {"error": {…}}; what a generator yields becomes a list.
"use strict";
const { VoucherifyServerSide } = require("@voucherify/sdk");

const clients = new Map();

function clientOf(keys, url) {
  const [applicationId, secretKey] = keys ?? ["app", "secret"];
  const name = JSON.stringify([applicationId, secretKey]);
  if (!clients.has(name))
    clients.set(name, VoucherifyServerSide({ applicationId, secretKey, apiUrl: url, timeoutMs: 5000 }));
  return clients.get(name);
}

async function made(call, url) {
  const [part, method] = call.method.split(".");
  try {
    const result = clientOf(call.keys, url)[part][method](...call.args);
    if (!result?.[Symbol.asyncIterator]) return { value: (await result) ?? null };
    const value = [];
    for await (const one of result) value.push(one);
    return { value };
  } catch (error) {
    const { name, message, code, key, details, resource_id, resource_type } = error;
    return { error: { name, message, code, key, details, resource_id, resource_type } };
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
