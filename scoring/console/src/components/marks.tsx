// Small marks. Each says in a word or a sign what its colour says.

import { Show } from "solid-js";
import type { CaseRow, CaseStatus } from "../api/cases";
import { now } from "../state/clock";
import { probability, span, stamp, words } from "./format";

export type Tone = "good" | "warn" | "bad" | "info" | "plain";

export function Mark(props: { tone: Tone; text: string; title?: string }) {
  return (
    <span class={`mark ${props.tone}`} title={props.title}>
      {props.text}
    </span>
  );
}

const STATUS: Record<CaseStatus, Tone> = {
  pending: "plain",
  investigating: "info",
  awaiting_approval: "warn",
  closed: "good",
};

export function StatusMark(props: { status: CaseStatus }) {
  return <Mark tone={STATUS[props.status]} text={words(props.status)} />;
}

const DECISION: Record<string, Tone> = { approve: "good", challenge: "info", review: "warn", decline: "bad" };

export function DecisionMark(props: { decision: string | null | undefined }) {
  return (
    <Show when={props.decision} fallback={<span class="quiet">no verdict</span>}>
      {(decision) => <Mark tone={DECISION[decision()] ?? "plain"} text={decision()} />}
    </Show>
  );
}

export function LabelMark(props: { label: boolean | null }) {
  return (
    <Show when={props.label !== null} fallback={<span class="quiet">not known</span>}>
      <Mark tone={props.label ? "bad" : "good"} text={props.label ? "✕ fraud" : "✓ legitimate"} />
    </Show>
  );
}

/** A probability as figure and bar. */
export function Score(props: { value: number }) {
  return (
    <span class="score">
      <span class="score-track" aria-hidden="true">
        <span class="score-fill" classList={{ high: props.value >= 0.9 }} style={{ width: `${props.value * 100}%` }} />
      </span>
      <span class="number">{probability(props.value)}</span>
    </span>
  );
}

export const overdue = (row: Pick<CaseRow, "due_at_ms" | "closed_at_ms">): boolean =>
  row.closed_at_ms === null && row.due_at_ms < now();

/** Time left until a case is due, by the service's clock. */
export function Due(props: { row: Pick<CaseRow, "due_at_ms" | "closed_at_ms"> }) {
  const left = () => props.row.due_at_ms - now();
  const tone = () => (left() < 0 ? "late" : left() < 600_000 ? "soon" : "");
  return (
    <Show when={props.row.closed_at_ms === null} fallback={<span class="quiet">–</span>}>
      <span class={`due ${tone()}`} title={`due ${stamp(props.row.due_at_ms)}`}>
        {left() < 0 ? `▲ ${span(left())} late` : span(left())}
      </span>
    </Show>
  );
}
