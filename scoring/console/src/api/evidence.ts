// What a verdict was read off: verdict, subgraph, explanation, and what else the parties did.

import { get } from "./client";

export interface Verdict {
  decision_id: string;
  transaction_id: string;
  decision: string;
  /** What the score alone said, where policy said something else. */
  score_decision?: string | null;
  /** Let through to learn from it, with that probability. */
  control_group?: { propensity: number; would_be: string } | null;
  fraud_probability: number;
  risk_score: number;
  reason_codes: string[];
  reasons: { code: string; text: string }[];
  tier: string;
  tier_cause?: string | null;
  model: string;
  model_version: string;
  policy_version: string;
  as_of: { position: number; time: string };
  subgraph_digest: string;
  subgraph: { hops: number[]; truncated: number };
  experiments?: { experiment: string; arm: string }[];
  stage_us: Record<string, number>;
}

export type EntityKind = "account" | "device" | "ip" | "merchant";

export interface GraphNode {
  kind: EntityKind;
  id: string;
  hop: number;
}

export interface GraphLink {
  from: number;
  to: number;
  relation: string;
  first_at: string;
  last_at: string;
  payments: number;
  reported: number;
  amount: number;
  source: number;
}

export interface Graph {
  nodes: GraphNode[];
  links: GraphLink[];
}

export interface Subgraph extends Graph {
  position: number;
  time: string;
  hops: number[];
  truncated: number;
}

export interface SeenSubgraph extends Subgraph {
  digest: string;
  matches_verdict: boolean;
}

export interface Explanation {
  transaction_id: string;
  decision_id: string;
  fraud_probability: number;
  recomputed_probability: number;
  base_probability: number;
  spent_ms: number;
  features: { name: string; text: string; value: string; contribution: number }[];
  /** What all other figures add. */
  unlisted_contribution: number;
  entities: { node: number; kind: EntityKind; id: string; contribution: number; path: string }[];
  without: { what: string; fraud_probability: number }[];
  attention: { node: number; weight: number }[];
  /** Ways to reported fraud, in words. */
  evidence: string[];
  /** What was not tried for want of time. */
  left_out: string[];
}

export interface EntityPayment {
  transaction_id: string;
  at_ms: number;
  amount_minor: number;
  currency: string;
  merchant: string | null;
  device: string | null;
  ip: string | null;
  account: string;
  /** Receiving account. */
  counterparty: string | null;
  decision: string | null;
  fraud_probability: number | null;
  label: boolean | null;
}

const verdictPath = (transaction: string) => `/v1/verdicts/${encodeURIComponent(transaction)}`;
const entityPath = (kind: EntityKind, id: string) => `/v1/entities/${kind}/${encodeURIComponent(id)}`;

export const readVerdict = (transaction: string) => get<Verdict>(verdictPath(transaction));
export const readSeenSubgraph = (transaction: string) => get<SeenSubgraph>(`${verdictPath(transaction)}/subgraph`);
export const readExplanation = (transaction: string) => get<Explanation>(`${verdictPath(transaction)}/explanation`);
export const readNeighbourhood = (kind: EntityKind, id: string) => get<Subgraph>(`${entityPath(kind, id)}/subgraph`);
export const readPayments = (kind: EntityKind, id: string, limit: number) =>
  get<{ payments: EntityPayment[] }>(`${entityPath(kind, id)}/payments`, { limit });
