import { expect, test } from "vitest";
import recorded from "./recorded-proof.json";
import { holds, readEntry } from "./proof";

const [payment, verdict] = recorded.proofs as [(typeof recorded.proofs)[0], (typeof recorded.proofs)[0]];

test("a proof recorded from a running service holds", async () => {
  expect(await holds(payment)).toBe(true);
  expect(await holds(verdict)).toBe(true);
});

test.each([
  ["another byte", { entry: payment.entry.replace(/..$/, "00") }],
  ["another position", { position: payment.position + 1 }],
  [
    "another place in the tree",
    { position: payment.position + 1, inclusion: { ...payment.inclusion, leaf_index: payment.position + 1 } },
  ],
  ["a step less", { inclusion: { ...payment.inclusion, path: payment.inclusion.path.slice(1) } }],
  ["a step more", { inclusion: { ...payment.inclusion, path: [...payment.inclusion.path, payment.head.head.root] } }],
  ["another root", { head: { ...payment.head, head: { ...payment.head.head, root: "00".repeat(32) } } }],
])("with %s it does not", async (_what, change) => {
  expect(await holds({ ...payment, ...change })).toBe(false);
});

test("an entry is shown as its JSON", () => {
  // A brace in the head, before the JSON.
  expect(readEntry(`02${"7b".repeat(32)}7b7d`)).toBe("{}");
  expect(readEntry("037b")).toContain("without JSON");
  expect(JSON.parse(readEntry(payment.entry)).body.transaction_id).toBe("order-1000");
  expect(readEntry("0102")).toContain("without JSON");
});
