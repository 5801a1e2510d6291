// Which tier answered, why not the first, and what the queues hold.

import { For, Show } from "solid-js";
import type { Models } from "../api/health";
import { Chart } from "../components/chart";
import { percent, whole, words } from "../components/format";
import { Mark } from "../components/marks";
import { rates } from "./feedback";
import type { Look } from "./poll";
import { sum, sumBy } from "./prometheus";

export function Tiers(props: { looks: Look[]; models: Models }) {
  const latest = () => props.looks.at(-1)!.metrics;
  const all = () => Math.max(1, sum(latest(), "fraudnet_payments_total"));
  const tiers = () => [...sumBy(latest(), "fraudnet_payments_total", "tier")].filter(([, count]) => count > 0);
  const causes = () => [...sumBy(latest(), "fraudnet_tier_cause_total", "cause")].filter(([, count]) => count > 0);
  const queues = () => [...sumBy(latest(), "fraudnet_queue_bound", "queue")];
  const broken = () => [...sumBy(latest(), "fraudnet_model_breaker_open", "model")].filter(([, open]) => open > 0);
  return (
    <section class="card" aria-labelledby="tiers-title">
      <h2 id="tiers-title">
        Tier mix <span class="quiet">who answered</span>
      </h2>
      <table>
        <tbody>
          <For
            each={tiers()}
            fallback={
              <tr>
                <td class="quiet">No payment was decided yet.</td>
              </tr>
            }
          >
            {([tier, count]) => (
              <tr>
                <th scope="row">{words(tier)}</th>
                <td>
                  <span class="gauge-track" aria-hidden="true">
                    <span class="gauge-fill" style={{ width: `${(count / all()) * 100}%` }} />
                  </span>
                </td>
                <td class="number">{percent(count / all(), 2)}</td>
                <td class="number">{whole(count)}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p>
        <For each={causes()} fallback={<span class="quiet">No lower tier had to answer.</span>}>
          {([cause, count]) => <Mark tone="warn" text={`▲ ${words(cause)}: ${whole(count)}`} />}
        </For>
        <For each={broken()}>{([model]) => <Mark tone="bad" text={`✕ ${model} is left alone`} />}</For>
      </p>
      <table>
        <caption>Queues and roles</caption>
        <tbody>
          <For each={queues()}>
            {([queue, bound]) => (
              <tr>
                <th scope="row">{queue} queue</th>
                <td class="number">
                  {whole(sum(latest(), "fraudnet_queue_depth", { queue }))} of {whole(bound)}
                </td>
              </tr>
            )}
          </For>
          <For each={props.models.aliases}>
            {({ alias, model }) => (
              <tr>
                <th scope="row">{words(alias)}</th>
                <td>
                  <Show when={model} fallback={<span class="quiet">none</span>}>
                    {model}
                  </Show>
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <Chart
        title="Payments a second"
        height={110}
        at_s={props.looks.map(({ at_s }) => at_s)}
        lines={[
          {
            name: "payments a second",
            colour: "accent",
            values: rates(props.looks, (look) => sum(look.metrics, "fraudnet_payments_total"), 1),
          },
        ]}
      />
    </section>
  );
}
