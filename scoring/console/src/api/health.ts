// What the service tells of itself.

import { get, readText } from "./client";
import { Problem } from "./problem";

export interface Alarm {
  signal: string;
  segment: string;
  column?: string | null;
  value: number;
  bound: number;
  model: string;
  detail: string;
  position: number;
  raised_at_ms: number;
  cleared_at_ms?: number | null;
  cleared_because?: string | null;
}

export interface Estimate {
  payments: number;
  frauds: number;
  auc: number;
  precision: number;
  recall: number;
}

export interface Drift {
  watching: boolean;
  model: string;
  standing: Alarm[];
  cleared: Alarm[];
  reference: {
    payments: number;
    gathered: number;
    wanted: number;
    begun_at?: string | null;
    ended_at?: string | null;
    columns: number;
    unsettled_columns: number;
  };
  segments: { segment: string; payments: number; columns: { column: string; ks: number; psi: number }[] }[];
  estimates: { now?: Estimate | null; reference?: Estimate | null };
  outcomes: {
    auc?: number | null;
    latest_auc?: number | null;
    recall?: number | null;
    matured_frauds: number;
    matured_honest: number;
    waiting: number;
  };
}

export interface Models {
  serving: string;
  aliases: { alias: string; model?: string | null; configured: boolean }[];
  previous_champion: string | null;
}

export interface Readiness {
  ready: boolean;
  state: string;
  lag: number;
  degraded?: string[];
}

export const readDrift = () => get<Drift>("/v1/drift");
export const readModels = () => get<Models>("/v1/models");

/** A service that is not ready says so with 503: here that is an answer like any other. */
export const readReadiness = () =>
  get<Readiness>("/readyz").catch((error: unknown): Readiness => {
    if (!(error instanceof Problem) || error.status !== 503) throw error;
    return { ready: false, state: error.detail || "takes no payments", lag: 0 };
  });

export const readMetrics = () => readText("/metrics");
