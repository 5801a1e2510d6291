// Fills the queue of a service that has nothing better to do: node fill.mjs CASES
// A policy holds every payment, and each payment is another account's. FRAUDNET_TOKEN is of somebody with the roles scorer and lead.

const cases = Number(process.argv[2] ?? 10_200);
const base = new URL(process.env.FRAUDNET_CONSOLE ?? "http://127.0.0.1:8080/console/").origin;
const AT_ONCE = 8;

async function call(method, path, body) {
  const authorization = `Bearer ${process.env.FRAUDNET_TOKEN}`;
  const headers = { "content-type": "application/json", "x-deadline-ms": "10000", authorization };
  const reply = await fetch(base + path, { method, headers, body: JSON.stringify(body) });
  const told = await reply.json();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${told.detail}`);
  return told;
}

const rule = { id: "all", code: "HELD", text: "everything is held", when: "amount > 0.0", then: "review" };
await call("POST", "/v1/policies", { version: "hold-everything", rules: [rule] });
await call("PUT", "/v1/policies/active", { version: "hold-everything", reason: "a full queue" });
let next = 0;
const send = async () => {
  while (next < cases) {
    const number = next++;
    await call("POST", "/v1/transactions:score", {
      transaction_id: `fill-${number}`,
      account: `fill-${number}`,
      device: `phone-${number % Math.ceil(cases / 3)}`,
      merchant: `shop-${number % 50}`,
      amount_minor: 1_000 + number,
      currency: "EUR",
      channel: "ecommerce",
    });
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, send));
console.log(`${cases} payments held`);
