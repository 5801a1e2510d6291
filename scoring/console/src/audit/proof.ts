// Checks an inclusion proof here, in the browser, so that the answer need not be believed (RFC 6962, RFC 9162 §2.1.3.2).

import type { EntryProof } from "../api/audit";
import { bytes, hex } from "./bytes";

/** Whether the entry at its position leads to the root that was signed. */
export async function holds({ position, entry, inclusion, head }: EntryProof): Promise<boolean> {
  if (inclusion.tree_size !== head.head.tree_size || inclusion.leaf_index !== position) return false;
  if (inclusion.leaf_index >= inclusion.tree_size) return false;
  let hash = await digest([Uint8Array.of(0), bigEndian(position), bytes(entry)]);
  // Indices go beyond 32 bits, so they are halved rather than shifted.
  let [index, last] = [inclusion.leaf_index, inclusion.tree_size - 1];
  for (const sibling of inclusion.path.map(bytes)) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      hash = await digest([Uint8Array.of(1), sibling, hash]);
      while (index % 2 === 0 && index !== 0) [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
    } else {
      hash = await digest([Uint8Array.of(1), hash, sibling]);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return last === 0 && hex(hash) === head.head.root;
}

/** Bytes before an entry's JSON by its tag, which is the first of them: event, payment, verdict, history, streamed, control, note, case. */
const HEADS: Record<number, number> = { 1: 1, 2: 33, 3: 9, 4: 1, 5: 49, 7: 1, 9: 1, 10: 1 };

/** The JSON of an entry, behind its tag and short head. */
export function readEntry(entry: string): string {
  const data = bytes(entry);
  const head = HEADS[data[0] ?? 0];
  try {
    if (head !== undefined) return JSON.stringify(JSON.parse(new TextDecoder().decode(data.subarray(head))), null, 2);
  } catch {
    // Not what this page knows; the bytes can still be proven.
  }
  return `(${data.length} bytes without JSON)`;
}

async function digest(parts: Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

function bigEndian(value: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}
