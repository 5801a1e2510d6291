// What can be done with the chosen cases together.

import { Show } from "solid-js";
import { compact, whole } from "../components/format";
import { may } from "../state/session";
import { referenceCurrency } from "../state/settings";
import type { Wish } from "../work/actions";

export function Chosen(props: { count: number; loss: number; decide: (wish: Wish) => () => void; clear: () => void }) {
  return (
    <div class="chosen" role="status">
      <strong>{whole(props.count)} selected</strong>
      <span class="quiet">
        expected loss {compact(props.loss / 100)} {referenceCurrency()}
      </span>
      <Show when={may("work-cases")}>
        <button type="button" onClick={props.decide("false_positive")}>
          Legitimate <kbd>a</kbd>
        </button>
        <button type="button" onClick={props.decide("confirmed_fraud")}>
          Fraud <kbd>d</kbd>
        </button>
        <button type="button" onClick={props.decide("escalate")}>
          Escalate <kbd>e</kbd>
        </button>
        <button type="button" onClick={props.decide("snooze")}>
          Snooze <kbd>s</kbd>
        </button>
        <button type="button" onClick={props.decide("assign")}>
          Assign <kbd>w</kbd>
        </button>
      </Show>
      <button type="button" class="bare" onClick={() => props.clear()}>
        Select nothing <kbd>Esc</kbd>
      </button>
    </div>
  );
}
