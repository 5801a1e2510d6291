// The board's figures, asked for every few seconds; the latest of them are kept for the lines.

import { createSignal, onCleanup, onMount } from "solid-js";
import { listCases, type QueueFigures } from "../api/cases";
import {
  type Drift,
  type Models,
  type Readiness,
  readDrift,
  readMetrics,
  readModels,
  readReadiness,
} from "../api/health";
import { may } from "../state/session";
import { type Metrics, readMetrics as parse } from "./prometheus";

const EVERY_MS = 5_000;
/** Half an hour. */
const KEPT = 360;

export interface Look {
  at_s: number;
  metrics: Metrics;
}

export interface Board {
  drift: Drift;
  models: Models;
  readiness: Readiness;
  /** Of cases, for whoever may read those. */
  figures: QueueFigures | null;
}

export function pollBoard() {
  const [board, setBoard] = createSignal<Board>();
  const [looks, setLooks] = createSignal<Look[]>([]);
  const [error, setError] = createSignal<unknown>();
  let timer: number | undefined;
  let gone = false;

  const look = async () => {
    clearTimeout(timer);
    try {
      const [drift, models, readiness, metrics, page] = await Promise.all([
        readDrift(),
        readModels(),
        readReadiness(),
        may("read-metrics") ? readMetrics() : "",
        may("read-cases") ? listCases({}, 1) : null,
      ]);
      if (gone) return;
      setLooks((before) => [...before.slice(1 - KEPT), { at_s: Date.now() / 1_000, metrics: parse(metrics) }]);
      setBoard({ drift, models, readiness, figures: page?.figures ?? null });
      setError(undefined);
    } catch (reason) {
      if (!gone) setError(() => reason);
    }
    if (!gone) timer = window.setTimeout(() => (document.hidden ? wait() : void look()), EVERY_MS);
  };
  const wait = () => document.addEventListener("visibilitychange", () => void look(), { once: true });
  onMount(() => void look());
  onCleanup(() => {
    gone = true;
    clearTimeout(timer);
  });
  return { board, looks, error, look: () => void look() };
}
