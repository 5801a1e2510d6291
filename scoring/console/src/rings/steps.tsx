// One decision for every open case of a ring, with the same preview as any other bulk step.

import { createSignal, Show } from "solid-js";
import { readCase } from "../api/cases";
import { describe } from "../api/problem";
import type { Ring } from "../api/rings";
import { bindKeys } from "../state/keyboard";
import { may } from "../state/session";
import { tell } from "../state/toasts";
import type { Wish } from "../work/actions";
import { ask, askAll } from "../work/ask";

export function RingSteps(props: { ring: Ring; done: () => void }) {
  const [busy, setBusy] = createSignal(false);
  const open = () => props.ring.members.flatMap(({ open_case }) => open_case ?? []);
  const wish = (what: Wish) => async () => {
    const [first, ...others] = open();
    if (!may("work-cases") || !first || busy()) return;
    if (others.length > 0) return askAll(what, [first, ...others], props.done);
    // One alone is decided like any other case, which shows what it was if it moved on.
    setBusy(true);
    try {
      ask(what, await readCase(first.case_id), props.done);
    } catch (error) {
      tell(describe(error), "bad");
    } finally {
      setBusy(false);
    }
  };
  bindKeys("case", { approve: wish("false_positive"), fraud: wish("confirmed_fraud"), escalate: wish("escalate") });
  return (
    <Show when={may("work-cases")}>
      <div class="steps" role="group" aria-label="Steps for the whole ring">
        <Show when={open().length > 0} fallback={<span class="quiet">No case of this ring is open.</span>}>
          <span class="quiet">
            {open().length > 1 ? `All ${open().length} open cases:` : "Its open case:"}
          </span>
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
