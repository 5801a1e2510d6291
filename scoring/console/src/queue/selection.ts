// Which cases are chosen for one step together, and the one the keyboard stands on.

import { createMemo, createSignal } from "solid-js";
import type { CaseRow } from "../api/cases";

export function createSelection(rows: () => CaseRow[]) {
  const [focus, setFocus] = createSignal(0);
  const [chosen, setChosen] = createSignal<ReadonlySet<string>>(new Set());
  let anchor = 0;

  const targets = createMemo(() => {
    const ids = chosen();
    return ids.size === 0 ? [] : rows().filter((row) => ids.has(row.case_id));
  });

  const clamp = (index: number) => Math.max(0, Math.min(index, rows().length - 1));

  return {
    focus: () => clamp(focus()),
    moveTo: (index: number) => setFocus(clamp(index)),
    has: (id: string) => chosen().has(id),
    /** The chosen cases, in queue order. */
    targets,
    clear: () => setChosen(new Set<string>()),
    toggle: (index: number) => {
      const row = rows()[index];
      if (!row) return;
      anchor = index;
      setChosen((before) => {
        const after = new Set(before);
        if (!after.delete(row.case_id)) after.add(row.case_id);
        return after;
      });
    },
    /** Everything between the last one chosen and here. */
    extend: (index: number) => {
      const [from, to] = [Math.min(anchor, index), Math.max(anchor, index)];
      const between = rows()
        .slice(from, to + 1)
        .map((row) => row.case_id);
      setChosen((before) => new Set([...before, ...between]));
    },
  };
}
