// The queue's cases, page by page as the cursor leads.

import { batch, createSignal, onCleanup } from "solid-js";
import { type Case, type CaseFilter, type CaseRow, listCases, type QueueFigures } from "../api/cases";
import { setClock } from "../state/clock";
import { onCaseChange } from "../work/perform";

const PAGE = 100;
/** Ask for the next page this many rows before the end comes into view. */
const AHEAD = 150;

export function createCases(filter: () => CaseFilter) {
  const [rows, setRows] = createSignal<CaseRow[]>([]);
  const [figures, setFigures] = createSignal<QueueFigures>();
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(true);
  const [next, setNext] = createSignal<string | null>(null);
  let generation = 0;

  async function load(cursor: string | undefined, asked: number): Promise<void> {
    setLoading(true);
    try {
      const page = await listCases(filter(), PAGE, cursor);
      if (asked !== generation) return;
      setClock(page.now_ms);
      batch(() => {
        setRows((before) => (cursor ? [...before, ...fresh(before, page.cases)] : page.cases));
        setNext(page.next);
        setFigures(page.figures);
        setError(undefined);
      });
    } catch (reason) {
      if (asked === generation) setError(() => reason);
    } finally {
      if (asked === generation) setLoading(false);
    }
  }

  const changed = (now: Case) =>
    setRows((before) => {
      const index = before.findIndex((row) => row.case_id === now.case_id);
      if (index < 0) return before;
      const gone = now.stage === "closed" && filter().status !== "closed";
      return gone ? before.toSpliced(index, 1) : before.with(index, now);
    });
  onCleanup(onCaseChange(changed));

  return {
    rows,
    figures,
    error,
    loading,
    /** Whether the service has more than what is loaded. */
    more: () => next() !== null,
    reload: () => load(undefined, ++generation),
    /** Makes sure that the rows around `last` are there or on their way. */
    ensure: (last: number) => {
      const cursor = next();
      if (!loading() && cursor && last + AHEAD >= rows().length) void load(cursor, generation);
    },
  };
}

// The queue moves while one pages through it: a case that moved down comes a second time.
function fresh(before: CaseRow[], page: CaseRow[]): CaseRow[] {
  const known = new Set(before.map((row) => row.case_id));
  return page.filter((row) => !known.has(row.case_id));
}
