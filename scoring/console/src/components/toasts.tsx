// Messages, told to screen readers too; the one that can be undone shows how long.

import { createSignal, For, onCleanup, Show } from "solid-js";
import { bindKeys } from "../state/keyboard";
import { dismiss, type Toast, toasts, undoLast } from "../state/toasts";

const SIGN = { good: "✓", bad: "✕", plain: "i" };

export function Toasts() {
  bindKeys("everywhere", { undo: undoLast });
  return (
    <div class="toasts" role="status" aria-live="polite">
      <For each={toasts()}>{(toast) => <Message toast={toast} />}</For>
    </div>
  );
}

function Message(props: { toast: Toast }) {
  return (
    <div class={`toast ${props.toast.tone}`}>
      <span class="sign" aria-hidden="true">
        {SIGN[props.toast.tone]}
      </span>
      <span class="text">{props.toast.text}</span>
      <Show when={props.toast.undo}>
        <button type="button" onClick={undoLast}>
          Undo <kbd>u</kbd> <Countdown until={props.toast.ends_at} />
        </button>
      </Show>
      <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(props.toast.id)}>
        ✕
      </button>
    </div>
  );
}

function Countdown(props: { until: number }) {
  const left = () => Math.max(0, Math.ceil((props.until - Date.now()) / 1_000));
  const [seconds, setSeconds] = createSignal(left());
  const timer = setInterval(() => setSeconds(left()), 250);
  onCleanup(() => clearInterval(timer));
  // A live region that counted aloud would talk over everything else.
  return (
    <span class="countdown" aria-hidden="true">
      {seconds()} s
    </span>
  );
}
