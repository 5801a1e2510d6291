// Makes a step with a case. A refusal never overwrites: it shows the newer state and what was wished for.

import { createSignal } from "solid-js";
import { bulk, type Case, type CaseAction, type CaseRow, type CaseTarget, readCase, stepCase } from "../api/cases";
import { describe, Problem } from "../api/problem";
import { undoSeconds } from "../state/settings";
import { offerUndo, tell } from "../state/toasts";
import { doneWords } from "./actions";

export interface Conflict {
  seen: CaseRow;
  newer: Case;
  problem: Problem;
  action: CaseAction;
}

const [conflict, setConflict] = createSignal<Conflict | null>(null);
export { conflict, setConflict };

type Listener = (now: Case) => void;
const listeners = new Set<Listener>();

/** Whoever shows cases hears of each that changed. Returns how to stop. */
export function onCaseChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function caseChanged(now: Case): void {
  for (const listener of listeners) listener(now);
}

/** Whether the step was made. */
export async function perform(seen: CaseRow, action: CaseAction): Promise<boolean> {
  try {
    const now = await stepCase(seen, action);
    caseChanged(now);
    const done = `${doneWords(action)} · ${now.account}`;
    if (now.undo) offerUndo(done, undoSeconds(), () => void undo(now.case_id));
    else tell(done, "good");
    return true;
  } catch (error) {
    await refuse(seen, action, error);
    return false;
  }
}

async function undo(id: string): Promise<void> {
  // Read first: what was noted since the decision is no reason to keep it.
  try {
    await perform(await readCase(id), { kind: "undo" });
  } catch (error) {
    tell(`Not taken back: ${describe(error)}`, "bad");
  }
}

async function refuse(seen: CaseRow, action: CaseAction, error: unknown): Promise<void> {
  if (!(error instanceof Problem) || error.status !== 409) {
    if (!(error instanceof Problem) || (error.status !== 401 && !error.unreachable)) tell(describe(error), "bad");
    return;
  }
  const newer = error.newer ?? (await readCase(seen.case_id).catch(() => null));
  if (newer) setConflict({ seen, newer, problem: error, action });
  else tell(describe(error), "bad");
}

/** Makes one step with many cases; what was refused is counted by its code. */
export async function performAll(targets: CaseTarget[], action: CaseAction): Promise<boolean> {
  try {
    const { results } = await bulk(targets, action);
    const done = results.flatMap(({ case_id, version }) => (version === undefined ? [] : [{ case_id, version }]));
    const refused = results.length - done.length;
    const told = `${doneWords(action)} · ${done.length} cases${refused ? `, ${refused} refused` : ""}`;
    if (action.kind === "decide" && done.length > 0) {
      offerUndo(told, undoSeconds(), () => void performAll(done, { kind: "undo" }));
    } else {
      tell(told, refused ? "bad" : "good");
    }
    return true;
  } catch (error) {
    tell(describe(error), "bad");
    return false;
  }
}
