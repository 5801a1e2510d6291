// What a dry run found.

import { createMemo, For, Show } from "solid-js";
import type { DryRunReport, Tally } from "../api/rules";
import { Chart } from "../components/chart";
import { hundredths, money, percent, stamp, whole } from "../components/format";
import { DecisionMark, LabelMark, Mark } from "../components/marks";
import { referenceCurrency } from "../state/settings";

export function Report(props: { report: DryRunReport }) {
  const days = createMemo(() => props.report.days.map(({ day }) => Date.parse(day) / 1_000));
  const errors = () => props.report.rules.reduce((sum, rule) => sum + rule.errors, 0);
  const share = (part: number) => percent(props.report.payments ? part / props.report.payments : 0, 2);
  return (
    <div class="report" role="status">
      <h3>
        {props.report.tried}: {stamp(props.report.from).slice(0, 10)} to {stamp(props.report.to).slice(0, 10)}
      </h3>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">Which</span>
            </th>
            <th scope="col" class="number">
              Payments
            </th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col" class="number">
              Fraud
            </th>
            <th scope="col" class="number">
              Legitimate
            </th>
            <th scope="col" class="number">
              Unknown
            </th>
            <th scope="col" class="number">
              Amount {referenceCurrency()}
            </th>
          </tr>
        </thead>
        <tbody>
          <Line name="looked at" payments={props.report.payments} share="" fraud={props.report.known_frauds} />
          <Line
            name="hit"
            payments={props.report.hits.payments}
            share={share(props.report.hits.payments)}
            fraud={props.report.hits.fraud}
            tally={props.report.hits}
          />
          <Line
            name="decided otherwise"
            payments={props.report.changed.payments}
            share={share(props.report.changed.payments)}
            fraud={props.report.changed.fraud}
            tally={props.report.changed}
          />
        </tbody>
      </table>
      <Show when={props.report.cut_short}>
        <p>
          <Mark tone="warn" text="▲ the window holds more payments than are looked at: the later ones are left out" />
        </p>
      </Show>
      <Show when={errors() > 0}>
        <p>
          <Mark tone="warn" text={`▲ of ${whole(errors())} payments it cannot be said`} />
        </p>
      </Show>
      <Chart
        title="Hits a day"
        at_s={days()}
        days
        height={120}
        lines={[
          { name: "hits", colour: "accent", values: props.report.days.map(({ hits }) => hits) },
          { name: "of them fraud", colour: "bad", values: props.report.days.map(({ fraud_hits }) => fraud_hits) },
        ]}
      />
      <details>
        <summary>What was decided and what would have been</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Was</th>
              <th scope="col">Would be</th>
              <th scope="col" class="number">
                Payments
              </th>
              <th scope="col" class="number">
                Fraud
              </th>
              <th scope="col" class="number">
                Legitimate
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={props.report.decisions}>
              {(row) => (
                <tr>
                  <td>
                    <DecisionMark decision={row.was} />
                  </td>
                  <td>
                    <DecisionMark decision={row.would_be} />
                  </td>
                  <td class="number">{whole(row.payments)}</td>
                  <td class="number">{whole(row.fraud)}</td>
                  <td class="number">{whole(row.legitimate)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </details>
      <details>
        <summary>{props.report.samples.length} of the payments it would have hit</summary>
        <table>
          <tbody>
            <For each={props.report.samples}>
              {(payment) => (
                <tr>
                  <th scope="row" class="id">
                    {payment.transaction_id}
                  </th>
                  <td class="time">{stamp(payment.occurred_at)}</td>
                  <td class="number">{money(payment.amount_minor, payment.currency)}</td>
                  <td>
                    <DecisionMark decision={payment.was} /> → <DecisionMark decision={payment.would_be} />
                  </td>
                  <td>
                    <LabelMark label={payment.fraud ?? null} />
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </details>
      <p class="quiet">
        Read in {props.report.seconds.toFixed(2)} s; {whole(props.report.without_verdict)} payments had no verdict.
      </p>
    </div>
  );
}

function Line(props: { name: string; payments: number; share: string; fraud: number; tally?: Tally }) {
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td class="number">{whole(props.payments)}</td>
      <td class="number">{props.share}</td>
      <td class="number">{whole(props.fraud)}</td>
      <td class="number">{props.tally ? whole(props.tally.legitimate) : ""}</td>
      <td class="number">{props.tally ? whole(props.tally.unknown) : ""}</td>
      <td class="number">{props.tally ? hundredths(props.tally.amount_hundredths) : ""}</td>
    </tr>
  );
}
