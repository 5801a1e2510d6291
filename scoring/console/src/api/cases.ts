// Cases as the service tells them, and the steps one can make with them.

import { get, post } from "./client";

export type CaseStatus = "pending" | "investigating" | "awaiting_approval" | "closed";
export type Outcome = "confirmed_fraud" | "false_positive" | "inconclusive";

export interface CasePayment {
  position: number;
  at_ms: number;
  transaction_id: string;
  amount_minor: number;
  currency: string;
  fraud_probability: number;
  risk_score: number;
  decision_id: string;
  expected_loss_hundredths: number;
  label: boolean | null;
}

export interface CaseDecision {
  outcome: Outcome;
  reason: string;
  by: string;
  as_lead: boolean;
  at_ms: number;
  approved_by: string | null;
}

export interface Note {
  at_ms: number;
  by: string;
  text: string;
}

export interface Deed {
  kind: string;
  [detail: string]: unknown;
}

export interface CaseStep {
  position: number;
  at_ms: number;
  actor: string;
  version: number;
  deed: Deed;
}

export interface CaseRow {
  case_id: string;
  tenant: string;
  account: string;
  version: number;
  opened_at_ms: number;
  since_ms: number;
  due_at_ms: number;
  rank_ms: number;
  status: CaseStatus;
  overdue: boolean;
  payments: CasePayment[];
  payment_count: number;
  amount_hundredths: number;
  expected_loss_hundredths: number;
  stage: "open" | "awaiting_approval" | "closed";
  assignee: string | null;
  lease: { holder: string; until_ms: number } | null;
  snoozed_until_ms: number | null;
  escalated: boolean;
  decision: CaseDecision | null;
  closed_at_ms: number | null;
  merged_into: string | null;
  undo: { by: string; until_ms: number } | null;
}

export interface Case extends CaseRow {
  notes: Note[];
  history: CaseStep[];
  history_forgotten: number;
}

export interface QueueFigures {
  pending: number;
  investigating: number;
  awaiting_approval: number;
  closed: number;
  snoozed: number;
  escalated: number;
  overdue: number;
  /** How long the one that waits longest has waited. */
  oldest_ms: number;
  expected_loss_hundredths: number;
}

export interface CasePage {
  cases: CaseRow[];
  next: string | null;
  now_ms: number;
  figures: QueueFigures;
}

export interface ReviewSettings {
  service_level_minutes: number;
  lease_minutes: number;
  undo_seconds: number;
  max_snooze_days: number;
  four_eyes_above_hundredths: number | null;
  reference_currency: string | null;
}

/** What the queue can be narrowed to; the same object asks for the next case. */
export interface CaseFilter {
  status?: string;
  assignee?: string;
  holder?: string;
  min_loss_hundredths?: number;
  overdue?: boolean;
  escalated?: boolean;
  text?: string;
}

/** One step with a case, as it is sent: the kind is the last part of the path, or `kind` in a bulk action. */
export type CaseAction =
  | { kind: "take" | "release" | "approve" | "undo" }
  | { kind: "assign"; to: string | null }
  | { kind: "snooze"; until_ms: number }
  | { kind: "note"; text: string }
  | { kind: "escalate" | "reject" | "reopen"; reason: string }
  | { kind: "decide"; outcome: Outcome; reason: string; note?: string };

export interface CaseTarget {
  case_id: string;
  version: number;
}

export interface BulkPreview {
  accepted: number;
  refused: Record<string, number>;
  labels: number;
  awaiting_approval: number;
}

export interface BulkResult {
  case_id: string;
  version?: number;
  code?: string;
  detail?: string;
}

export const listCases = (filter: CaseFilter, limit: number, cursor?: string) =>
  get<CasePage>("/v1/reviews", { ...filter, limit, cursor });

export const readCase = (id: string) => get<Case>(`/v1/reviews/${encodeURIComponent(id)}`);

export const readSettings = () => get<ReviewSettings>("/v1/reviews/settings");

export const takeNext = (filter: CaseFilter) => post<Case>("/v1/reviews:next", filter);

export const stepCase = (target: CaseTarget, { kind, ...rest }: CaseAction) =>
  post<Case>(`/v1/reviews/${encodeURIComponent(target.case_id)}:${kind}`, { version: target.version, ...rest });

export const bulk = (targets: CaseTarget[], action: CaseAction) =>
  post<{ results: BulkResult[] }>("/v1/reviews:bulk", { targets: targets.map(bare), action });

export const previewBulk = (targets: CaseTarget[], action: CaseAction) =>
  post<BulkPreview>("/v1/reviews:bulk-preview", { targets: targets.map(bare), action });

const bare = ({ case_id, version }: CaseTarget): CaseTarget => ({ case_id, version });
