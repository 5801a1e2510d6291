// The audit tree: its newest signed head, proofs that entries are in it, and what was changed lately.

import { get } from "./client";

export interface SignedHead {
  head: { log_id: string; tree_size: number; root: string; at_ms: number };
  signer: string;
  signature: string;
}

export interface EntryProof {
  position: number;
  /** The entry's bytes as hex: a tag, a short head and JSON. */
  entry: string;
  inclusion: { leaf_index: number; tree_size: number; path: string[] };
  head: SignedHead;
}

export interface ChangeEntry {
  position: number;
  at: string;
  actor: string;
  change: { kind: string; change: string; [detail: string]: unknown };
}

/** The key that heads are signed with now. */
export interface AuditKey {
  signer: string;
  algorithm: string;
  /** Hex. */
  public_key: string;
}

export const readHead = () => get<SignedHead>("/v1/audit/head");
export const readProof = (transaction: string) =>
  get<{ proofs: EntryProof[] }>(`/v1/audit/proof/${encodeURIComponent(transaction)}`);
export const readProofAt = (position: number) => get<{ proofs: EntryProof[] }>("/v1/audit/proof", { position });
export const readKey = () => get<AuditKey>("/v1/audit/key");
/** The newest first. */
export const readChanges = (newest: number) => get<{ changes: ChangeEntry[] }>("/v1/changes", { newest });
