// The feedback loop: from held payment over an analyst's decision to a label that training reads.

import { Show } from "solid-js";
import type { QueueFigures } from "../api/cases";
import type { Drift } from "../api/health";
import { Chart } from "../components/chart";
import { hundredths, span, whole } from "../components/format";
import { may } from "../state/session";
import { referenceCurrency } from "../state/settings";
import type { Look } from "./poll";
import { sum } from "./prometheus";

export function Feedback(props: { figures: QueueFigures; drift: Drift; looks: Look[] }) {
  const open = () => props.figures.pending + props.figures.investigating + props.figures.awaiting_approval;
  const labels = () => sum(props.looks.at(-1)!.metrics, "fraudnet_labels_total");
  return (
    <section class="card" aria-labelledby="feedback-title">
      <h2 id="feedback-title">
        Feedback loop <span class="quiet">held → decided → label → training</span>
      </h2>
      <dl class="tiles">
        <div>
          <dt>Open cases</dt>
          <dd class="number">{whole(open())}</dd>
        </div>
        <div>
          <dt>Overdue</dt>
          <dd class="number" classList={{ late: props.figures.overdue > 0 }}>
            {props.figures.overdue > 0 ? `▲ ${whole(props.figures.overdue)}` : "0"}
          </dd>
        </div>
        <div>
          <dt>Oldest</dt>
          <dd class="number">{props.figures.oldest_ms > 0 ? span(props.figures.oldest_ms) : "–"}</dd>
        </div>
        <div>
          <dt>Closed</dt>
          <dd class="number">{whole(props.figures.closed)}</dd>
        </div>
        <Show when={may("read-metrics")}>
          <div>
            <dt>Labels since start</dt>
            <dd class="number">{whole(labels())}</dd>
          </div>
        </Show>
        <div>
          <dt>Wait to mature</dt>
          <dd class="number">{whole(props.drift.outcomes.waiting)}</dd>
        </div>
        <div>
          <dt>Expected loss, open</dt>
          <dd class="number">{hundredths(props.figures.expected_loss_hundredths, referenceCurrency())}</dd>
        </div>
      </dl>
      <Show when={may("read-metrics")}>
        <Chart
          title="Labels a minute"
          height={110}
          at_s={props.looks.map(({ at_s }) => at_s)}
          lines={[
            {
              name: "labels a minute",
              colour: "accent",
              values: rates(props.looks, (look) => sum(look.metrics, "fraudnet_labels_total"), 60),
            },
          ]}
        />
      </Show>
    </section>
  );
}

/** How fast a counter grows from look to look; nothing for the first, and after a restart. */
export function rates(looks: Look[], read: (look: Look) => number, per_s: number): (number | null)[] {
  return looks.map((look, index) => {
    const before = looks[index - 1];
    if (!before) return null;
    const grown = read(look) - read(before);
    return grown < 0 ? null : (grown / (look.at_s - before.at_s)) * per_s;
  });
}
