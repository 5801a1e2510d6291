// Checks here, in the browser, whether a head carries the signature of the key that the service names.

import type { AuditKey, SignedHead } from "../api/audit";
import { bytes } from "./bytes";

/** What came of the check; `unable`: this browser cannot, or offers no cryptography on this page. */
export type Signed = "holds" | "fails" | "other key" | "unable";

export async function checkSignature({ head, signer, signature }: SignedHead, key: AuditKey): Promise<Signed> {
  if (signer !== key.signer) return "other key";
  const subtle = globalThis.crypto?.subtle;
  if (!subtle || key.algorithm !== "ed25519") return "unable";
  let owner: CryptoKey;
  try {
    owner = await subtle.importKey("raw", bytes(key.public_key), "Ed25519", false, ["verify"]);
  } catch {
    return "unable";
  }
  const { log_id, tree_size, root, at_ms } = head;
  const text = `fraudnet tree head v1\nlog ${log_id}\nsize ${tree_size}\nroot ${root}\nat_ms ${at_ms}\n`;
  const holds = await subtle.verify("Ed25519", owner, bytes(signature), new TextEncoder().encode(text));
  return holds ? "holds" : "fails";
}
