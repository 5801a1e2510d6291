// Lists and policies, and what a rule would have done in the past.

import { get, post, put, remove } from "./client";
import type { EntityKind } from "./evidence";

export type ListName = "block" | "allow" | "watch";
export type Decision = "approve" | "challenge" | "review" | "decline";

export interface Listed {
  list: ListName;
  kind: EntityKind;
  id: string;
  reason: string;
  actor: string;
  at: string;
  expires_at?: string | null;
  position: number;
}

export interface Rule {
  id: string;
  code: string;
  text: string;
  when: string;
  then: Decision;
  override?: boolean;
}

export interface PolicyDocument {
  version: string;
  description?: string;
  control_group?: { share: number; max_amount: number } | null;
  rules: Rule[];
}

export interface Policy {
  document: PolicyDocument;
  digest: string;
  published_by: string;
  published_at: string;
  active: boolean;
}

export interface PolicyRow {
  version: string;
  description: string;
  digest: string;
  rules: number;
  published_by: string;
  published_at: string;
  active: boolean;
}

export interface Activation {
  version: string;
  reason: string;
  actor: string;
  at: string;
  position: number;
}

export interface Tally {
  payments: number;
  fraud: number;
  legitimate: number;
  unknown: number;
  amount_hundredths: number;
  fraud_hundredths: number;
}

export interface DryRunReport {
  tried: string;
  from: string;
  to: string;
  payments: number;
  without_verdict: number;
  known_frauds: number;
  hits: Tally;
  changed: Tally;
  rules: { id: string; code: string; hits: Tally; errors: number }[];
  decisions: (Tally & { was?: Decision | null; would_be: Decision })[];
  days: { day: string; payments: number; hits: number; changed: number; fraud_hits: number }[];
  samples: {
    transaction_id: string;
    occurred_at: string;
    amount_minor: number;
    currency: string;
    fraud?: boolean | null;
    was?: Decision | null;
    would_be: Decision;
  }[];
  seconds: number;
  /** The window held more payments than are looked at; the later ones were left out. */
  cut_short: boolean;
}

export interface DryRun {
  state: string;
  actor: string;
  progress: number;
  error?: string | null;
  report?: DryRunReport | null;
}

const listPath = (list: ListName, kind: EntityKind, id: string) =>
  `/v1/lists/${list}/${kind}/${encodeURIComponent(id)}`;

export const readLists = (list: ListName | undefined, after?: string) =>
  get<{ entries: Listed[]; next?: string | null }>("/v1/lists", { list, after, limit: 200 });
export const putOnList = (list: ListName, kind: EntityKind, id: string, reason: string, expires_at: string | null) =>
  put<unknown>(listPath(list, kind, id), { reason, ...(expires_at && { expires_at }) });
export const takeOffList = (list: ListName, kind: EntityKind, id: string) => remove<unknown>(listPath(list, kind, id));

export const readPolicies = () => get<{ active: string; policies: PolicyRow[]; history: Activation[] }>("/v1/policies");
export const readPolicy = (version: string) => get<Policy>(`/v1/policies/${encodeURIComponent(version)}`);
export const publishPolicy = (document: PolicyDocument) => post<{ version: string }>("/v1/policies", document);
export const activatePolicy = (version: string, reason: string) =>
  put<{ version: string; previous: string }>("/v1/policies/active", { version, reason });

export const startDryRun = (rule: Rule, from: string) =>
  post<DryRun>("/v1/policies:dry-run", { rule, from, sample: 10, wait_ms: 1000 });
export const readDryRun = () => get<DryRun>("/v1/policies:dry-run");
export const stopDryRun = () => remove<unknown>("/v1/policies:dry-run");
