// Each arm against the control: the difference with an interval that holds at every look.

import { For, Show } from "solid-js";
import type { Comparison } from "../api/experiments";
import { signed, words } from "../components/format";
import { Empty } from "../components/loaded";
import { Mark } from "../components/marks";

export function Comparisons(props: { comparisons: Comparison[] }) {
  return (
    <section class="card" aria-labelledby="against-title">
      <h2 id="against-title">
        Against control <span class="quiet">intervals hold at every look</span>
      </h2>
      <Show when={props.comparisons.length > 0} fallback={<Empty>Too little was seen to compare.</Empty>}>
        <table>
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <th scope="col">By</th>
              <th scope="col" class="number">
                Difference
              </th>
              <th scope="col" class="number">
                Interval
              </th>
              <th scope="col">Around zero</th>
              <th scope="col">Finding</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.comparisons}>
              {(row) => (
                <tr>
                  <th scope="row">{row.arm}</th>
                  <td>{words(row.metric)}</td>
                  <td class="number">{signed(row.difference, 4)}</td>
                  <td class="number">
                    {row.interval
                      ? `${signed(row.interval.low, 4)} to ${signed(row.interval.high, 4)}`
                      : "too little seen"}
                  </td>
                  <td>
                    <Show when={row.interval}>
                      {(interval) => <Interval low={interval().low} high={interval().high} />}
                    </Show>
                  </td>
                  <td>
                    <Finding of={row.finding} />
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Show>
    </section>
  );
}

function Finding(props: { of: Comparison["finding"] }) {
  const tone = () => (props.of === "favourable" ? "good" : props.of === "worse" ? "bad" : "plain");
  return <Show when={props.of}>{(finding) => <Mark tone={tone()} text={words(finding())} />}</Show>;
}

/** The interval on a scale as wide as it is far from zero; zero stands in the middle. */
function Interval(props: { low: number; high: number }) {
  const reach = () => Math.max(Math.abs(props.low), Math.abs(props.high), 1e-9) * 1.15;
  const at = (value: number) => 50 + (value / reach()) * 50;
  const clear = () => props.low > 0 || props.high < 0;
  return (
    <span class="interval">
      <span class="interval-track" aria-hidden="true">
        <span
          class="interval-fill"
          classList={{ clear: clear() }}
          style={{ left: `${at(props.low)}%`, width: `${at(props.high) - at(props.low)}%` }}
        />
      </span>
      <span class="quiet">{clear() ? (props.low > 0 ? "more" : "less") : "no difference shown"}</span>
    </span>
  );
}
