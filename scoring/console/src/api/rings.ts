// Rings: connected risk over shared devices and IP addresses.

import { get } from "./client";
import type { EntityKind, Graph } from "./evidence";

export interface RingRow {
  ring_id: string;
  rank: number;
  accounts: number;
  devices: number;
  ips: number;
  payments: number;
  reported: number;
  amount_hundredths: number;
  open_cases: number;
  first_at_ms: number;
  last_at_ms: number;
  growth_accounts_7d: number;
  score: number;
}

export interface RingMember {
  kind: EntityKind;
  id: string;
  payments: number;
  reported: number;
  since_ms: number;
  open_case: string | null;
}

export interface Ring extends RingRow, Graph {
  members: RingMember[];
  growth: { at_ms: number; accounts: number; amount_hundredths: number }[];
}

export const listRings = (limit: number) => get<{ as_of_position: number; rings: RingRow[] }>("/v1/rings", { limit });
export const readRing = (id: string) => get<Ring>(`/v1/rings/${encodeURIComponent(id)}`);
