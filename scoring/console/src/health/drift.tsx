// Data drift and concept drift.

import { For, Show } from "solid-js";
import type { Alarm, Drift, Estimate } from "../api/health";
import { percent, stamp, whole } from "../components/format";
import { Empty } from "../components/loaded";
import { Mark } from "../components/marks";

/** Beyond this in two comparisons in a row the service raises an alarm. */
const BOUND = 0.25;
const MOST_COLUMNS = 8;

export function Alarms(props: { drift: Drift }) {
  return (
    <Show when={props.drift.standing.length > 0}>
      <ul class="alarms" aria-label="Standing alarms">
        <For each={props.drift.standing}>{(alarm) => <AlarmLine alarm={alarm} />}</For>
      </ul>
    </Show>
  );
}

function AlarmLine(props: { alarm: Alarm }) {
  return (
    <li>
      <Mark tone="bad" text={`▲ ${props.alarm.signal} alarm`} />
      <span>{props.alarm.detail}</span>
      <span class="quiet number">
        {stamp(props.alarm.raised_at_ms)} · {props.alarm.model}
      </span>
    </li>
  );
}

export function DataDrift(props: { drift: Drift }) {
  const reference = () => props.drift.reference;
  return (
    <section class="card" aria-labelledby="data-title">
      <h2 id="data-title">
        Data drift <span class="quiet">do payments still look like those of the champion's first days?</span>
      </h2>
      <Show when={props.drift.watching} fallback={<Empty>Drift is not watched ([drift] is switched off).</Empty>}>
        <p class="quiet">
          {reference().payments > 0
            ? `Reference: ${whole(reference().payments)} payments, ${whole(reference().columns)} columns, ${stamp(reference().begun_at)} to ${stamp(reference().ended_at)}.`
            : `Gathering the reference: ${whole(reference().gathered)} of ${whole(reference().wanted)} payments.`}
        </p>
        <For each={props.drift.segments} fallback={<Empty>No window was compared yet.</Empty>}>
          {(segment, index) => (
            <details open={index() === 0}>
              <summary>
                {segment.segment}: the latest {whole(segment.payments)} payments,{" "}
                {whole(segment.columns.filter(beyond).length)} columns beyond {BOUND}
              </summary>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Column</th>
                    <th scope="col">KS</th>
                    <th scope="col">PSI</th>
                  </tr>
                </thead>
                <tbody>
                  <For each={segment.columns.slice(0, MOST_COLUMNS)}>
                    {(column) => (
                      <tr>
                        <th scope="row">{column.column}</th>
                        <td>
                          <Gauge value={column.ks} />
                        </td>
                        <td>
                          <Gauge value={column.psi} />
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </details>
          )}
        </For>
      </Show>
      <Show when={props.drift.cleared.length > 0}>
        <details>
          <summary>{props.drift.cleared.length} alarms were cleared</summary>
          <ul class="plain">
            <For each={props.drift.cleared}>
              {(alarm) => (
                <li>
                  {alarm.detail}{" "}
                  <span class="quiet">
                    — cleared {stamp(alarm.cleared_at_ms)}: {alarm.cleared_because}
                  </span>
                </li>
              )}
            </For>
          </ul>
        </details>
      </Show>
    </section>
  );
}

const beyond = ({ ks, psi }: { ks: number; psi: number }): boolean => ks > BOUND || psi > BOUND;

/** A statistic from 0 to 1 and beyond, against the bound that the tick marks. */
function Gauge(props: { value: number }) {
  const far = () => props.value > BOUND;
  return (
    <span class="gauge">
      <span class="gauge-track" aria-hidden="true">
        <span
          class="gauge-fill"
          classList={{ beyond: far() }}
          style={{ width: `${Math.min(1, props.value) * 100}%` }}
        />
        <span class="gauge-bound" />
      </span>
      <span class="number" classList={{ late: far() }}>
        {far() ? "▲ " : ""}
        {props.value.toFixed(3)}
      </span>
    </span>
  );
}

export function ConceptDrift(props: { drift: Drift }) {
  const outcomes = () => props.drift.outcomes;
  const estimates = () => props.drift.estimates;
  return (
    <section class="card" aria-labelledby="concept-title">
      <h2 id="concept-title">
        Concept drift <span class="quiet">does the champion still find fraud?</span>
      </h2>
      <Show
        when={outcomes().matured_frauds > 0}
        fallback={
          <p class="quiet">No matured fraud yet; {whole(outcomes().waiting)} payments wait for their labels.</p>
        }
      >
        <dl class="tiles">
          <div>
            <dt>AUC, matured</dt>
            <dd class="number">{outcomes().auc?.toFixed(3) ?? "–"}</dd>
          </div>
          <div>
            <dt>AUC, latest</dt>
            <dd class="number">{outcomes().latest_auc?.toFixed(3) ?? "–"}</dd>
          </div>
          <div>
            <dt>Frauds caught</dt>
            <dd class="number">{outcomes().recall != null ? percent(outcomes().recall!) : "–"}</dd>
          </div>
          <div>
            <dt>Matured frauds</dt>
            <dd class="number">{whole(outcomes().matured_frauds)}</dd>
          </div>
        </dl>
      </Show>
      <table>
        <caption>Expected without any label</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">When</span>
            </th>
            <th scope="col" class="number">
              AUC
            </th>
            <th scope="col" class="number">
              Recall
            </th>
            <th scope="col" class="number">
              Precision
            </th>
            <th scope="col" class="number">
              Frauds
            </th>
            <th scope="col" class="number">
              Payments
            </th>
          </tr>
        </thead>
        <tbody>
          <EstimateLine name="now" estimate={estimates().now} />
          <EstimateLine name="in the reference" estimate={estimates().reference} />
        </tbody>
      </table>
    </section>
  );
}

function EstimateLine(props: { name: string; estimate: Estimate | null | undefined }) {
  const told = (read: (estimate: Estimate) => string) => (props.estimate ? read(props.estimate) : "–");
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td class="number">{told(({ auc }) => auc.toFixed(3))}</td>
      <td class="number">{told(({ recall }) => percent(recall))}</td>
      <td class="number">{told(({ precision }) => percent(precision))}</td>
      <td class="number">{told(({ frauds }) => frauds.toFixed(0))}</td>
      <td class="number">{told(({ payments }) => whole(payments))}</td>
    </tr>
  );
}
