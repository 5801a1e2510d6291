// Experiments, with what was counted of each arm.

import { get, post } from "./client";

export type ExperimentStepName = "advance" | "hold" | "resume" | "stop" | "rollback";

export interface Experiment {
  name: string;
  status: string;
  stage: number;
  stages: number;
  stage_since: string;
  rail?: string | null;
  /** What its figures came to, once they did. */
  conclusion?: { text: string; promote?: string | null; proposed: boolean } | null;
  spec: {
    description: string;
    arms: {
      name: string;
      weight: number;
      model?: string;
      policy?: string;
      operating_points?: Record<string, number>;
    }[];
    stages: { exposure: { kind: string; percent?: number; tenants?: string[] }; advance: unknown }[];
    then: unknown;
  };
  history: { position: number; at_ms: number; actor: string; what: string }[];
}

export interface ArmFigures {
  arm: string;
  payments: number;
  share: number;
  decisions: Record<string, number>;
  alert_rate: number;
  error_rate: number;
  mean_score: number;
  spilled: number;
  latency?: { p50_ms: number; p99_ms: number } | null;
  mature?: { frauds: number; recall: number; precision: number; auc?: number | null } | null;
}

export interface Comparison {
  arm: string;
  metric: string;
  difference: number;
  interval?: { low: number; high: number } | null;
  finding?: "favourable" | "worse" | "not_better" | "open" | null;
}

export interface GuardRail {
  rail: string;
  arm: string;
  value: number;
  bound: number;
  excess?: { low: number; high: number } | null;
  breached: boolean;
  text: string;
}

export interface ExperimentFigures {
  arms: ArmFigures[];
  excluded: number;
  mixed: number;
  comparisons: Comparison[];
  guard_rails: GuardRail[];
  waits_for?: string | null;
}

const path = (name: string) => `/v1/experiments/${encodeURIComponent(name)}`;

export const listExperiments = () => get<{ experiments: Experiment[] }>("/v1/experiments");
export const readExperiment = (name: string) =>
  get<{ experiment: Experiment; figures?: ExperimentFigures | null }>(path(name));
export const stepExperiment = (name: string, step: ExperimentStepName, reason: string) =>
  post<unknown>(`${path(name)}:${step}`, { reason });
