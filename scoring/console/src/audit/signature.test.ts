import { beforeAll, expect, test } from "vitest";
import type { AuditKey, SignedHead } from "../api/audit";
import { hex } from "./bytes";
import { checkSignature } from "./signature";

let key: AuditKey;
let signed: SignedHead;

beforeAll(async () => {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const head = { log_id: "8c1f0a52d77e3b90", tree_size: 42, root: "5d".repeat(32), at_ms: 1_700_000_000_000 };
  const text = `fraudnet tree head v1\nlog 8c1f0a52d77e3b90\nsize 42\nroot ${head.root}\nat_ms 1700000000000\n`;
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text));
  const public_key = hex(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  key = { signer: "audit", algorithm: "ed25519", public_key };
  signed = { head, signer: "audit", signature: hex(new Uint8Array(signature)) };
});

test("a head that the key signed holds", async () => {
  expect(await checkSignature(signed, key)).toBe("holds");
});

test("a head that was changed does not", async () => {
  expect(await checkSignature({ ...signed, head: { ...signed.head, tree_size: 43 } }, key)).toBe("fails");
  expect(await checkSignature({ ...signed, signature: "00".repeat(64) }, key)).toBe("fails");
});

test("what cannot be told is not called wrong", async () => {
  expect(await checkSignature(signed, { ...key, signer: "audit-of-yesterday" })).toBe("other key");
  expect(await checkSignature(signed, { ...key, algorithm: "rsa" })).toBe("unable");
  expect(await checkSignature(signed, { ...key, public_key: "00" })).toBe("unable");
});
