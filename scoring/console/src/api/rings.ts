// Rings: connected risk over shared devices and IP addresses.

import { get } from "./client";
import type { CaseTarget } from "./cases";
import type { EntityKind, Graph } from "./evidence";

export interface RingRow {
  ring_id: string;
  rank: number;
  accounts: number;
  devices: number;
  ips: number;
  merchants: number;
  payments: number;
  reported: number;
  /** Held or declined, and nothing known of them yet. */
  held: number;
  amount_hundredths: number;
  /** Rings are ranked by it. */
  expected_loss_hundredths: number;
  open_cases: number;
  first_at_ms: number;
  last_at_ms: number;
  growth_accounts_7d: number;
  /** Share of accounts at risk, 0–1. */
  score: number;
  /** False where there are more payments than are counted. */
  is_whole: boolean;
}

export interface RingMember {
  kind: EntityKind;
  id: string;
  payments: number;
  reported: number;
  since_ms: number;
  open_case: CaseTarget | null;
}

export interface Ring extends RingRow, Graph {
  members: RingMember[];
  members_left_out: number;
  /** By day, oldest first: who came on it, and what was paid on it. */
  growth: { at_ms: number; accounts: number; amount_hundredths: number }[];
}

export const listRings = (limit: number) => get<{ as_of_position: number; rings: RingRow[] }>("/v1/rings", { limit });
export const readRing = (id: string) => get<Ring>(`/v1/rings/${encodeURIComponent(id)}`);
