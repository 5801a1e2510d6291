// One decision for every open case of a ring, with the same preview as any other bulk step.

import { createSignal, Show } from "solid-js";
import { type Case, readCase } from "../api/cases";
import { describe } from "../api/problem";
import type { Ring } from "../api/rings";
import { bindKeys } from "../state/keyboard";
import { may } from "../state/session";
import { tell } from "../state/toasts";
import type { Wish } from "../work/actions";
import { ask } from "../work/ask";

const AT_ONCE = 6;

export function RingSteps(props: { ring: Ring; done: () => void }) {
  const [busy, setBusy] = createSignal(false);
  const ids = () => [...new Set(props.ring.members.flatMap(({ open_case }) => open_case ?? []))];
  const wish = (what: Wish) => async () => {
    if (!may("work cases") || ids().length === 0 || busy()) return;
    setBusy(true);
    try {
      ask(what, await readAll(ids()), props.done);
    } catch (error) {
      tell(describe(error), "bad");
    } finally {
      setBusy(false);
    }
  };
  bindKeys("case", { approve: wish("false_positive"), fraud: wish("confirmed_fraud"), escalate: wish("escalate") });
  return (
    <Show when={may("work cases")}>
      <div class="steps" role="group" aria-label="Steps for the whole ring">
        <Show when={ids().length > 0} fallback={<span class="quiet">No case of this ring is open.</span>}>
          <span class="quiet">All {ids().length} open cases:</span>
          <button type="button" class="bad" disabled={busy()} onClick={() => void wish("confirmed_fraud")()}>
            ✕ Fraud <kbd>d</kbd>
          </button>
          <button type="button" class="good" disabled={busy()} onClick={() => void wish("false_positive")()}>
            ✓ Legitimate <kbd>a</kbd>
          </button>
          <button type="button" disabled={busy()} onClick={() => void wish("escalate")()}>
            Escalate <kbd>e</kbd>
          </button>
        </Show>
      </div>
    </Show>
  );
}

// A step needs each case's version, which the ring does not tell.
async function readAll(ids: string[]): Promise<Case[]> {
  const found: Case[] = [];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    found.push(...(await Promise.all(ids.slice(start, start + AT_ONCE).map(readCase))));
  }
  return found;
}
