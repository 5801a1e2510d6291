// The state of the queue in one line.

import { For, Show } from "solid-js";
import type { QueueFigures } from "../api/cases";
import { compact, hundredths, span, whole } from "../components/format";
import { referenceCurrency } from "../state/settings";

export function Figures(props: { figures: QueueFigures }) {
  const told = (): [string, string, string][] => [
    ["Pending", whole(props.figures.pending), ""],
    ["Investigating", whole(props.figures.investigating), ""],
    ["Awaiting approval", whole(props.figures.awaiting_approval), ""],
    ["Overdue", props.figures.overdue ? `▲ ${whole(props.figures.overdue)}` : "0", props.figures.overdue ? "late" : ""],
    ["Escalated", whole(props.figures.escalated), ""],
    ["Snoozed", whole(props.figures.snoozed), ""],
    ["Oldest", props.figures.oldest_ms > 0 ? span(props.figures.oldest_ms) : "–", ""],
  ];
  return (
    <dl class="figures">
      <For each={told()}>
        {([name, value, tone]) => (
          <div>
            <dt>{name}</dt>
            <dd class={`number ${tone}`}>{value}</dd>
          </div>
        )}
      </For>
      <div class="wide">
        <dt>Expected loss, open</dt>
        <dd class="number" title={hundredths(props.figures.expected_loss_hundredths, referenceCurrency())}>
          {compact(props.figures.expected_loss_hundredths / 100)}{" "}
          <Show when={referenceCurrency()}>{referenceCurrency()}</Show>
        </dd>
      </div>
    </dl>
  );
}
