// Where a verdict's time goes.

import { For } from "solid-js";
import { Chart } from "../components/chart";
import { whole } from "../components/format";
import type { Look } from "./poll";
import { quantile, sum } from "./prometheus";

const STAGES = ["engine_queue", "observe", "inference_queue", "inference", "policy", "durable"];
const SCORE = { route: "/v1/transactions:score" };

export function Latency(props: { looks: Look[] }) {
  const latest = () => props.looks.at(-1)!.metrics;
  const ms = (share: number, name: string, labels: Record<string, string>) =>
    told(quantile(share, latest(), name, labels));
  const line = (share: number) =>
    props.looks.map((look, index) => {
      const seconds =
        index === 0
          ? null
          : quantile(share, look.metrics, "fraudnet_http_request_seconds", SCORE, props.looks[index - 1]!.metrics);
      return seconds === null ? null : seconds * 1_000;
    });
  return (
    <section class="card" aria-labelledby="latency-title">
      <h2 id="latency-title">
        Latency <span class="quiet">milliseconds since the start</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p90
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="number">
              Payments
            </th>
          </tr>
        </thead>
        <tbody>
          <For each={STAGES}>
            {(stage) => (
              <tr>
                <th scope="row">{stage.replace("_", " ")}</th>
                <td class="number">{ms(0.5, "fraudnet_stage_seconds", { stage })}</td>
                <td class="number">{ms(0.9, "fraudnet_stage_seconds", { stage })}</td>
                <td class="number">{ms(0.99, "fraudnet_stage_seconds", { stage })}</td>
                <td class="number">{whole(sum(latest(), "fraudnet_stage_seconds_count", { stage }))}</td>
              </tr>
            )}
          </For>
          <tr class="total">
            <th scope="row">answer</th>
            <td class="number">{ms(0.5, "fraudnet_http_request_seconds", SCORE)}</td>
            <td class="number">{ms(0.9, "fraudnet_http_request_seconds", SCORE)}</td>
            <td class="number">{ms(0.99, "fraudnet_http_request_seconds", SCORE)}</td>
            <td class="number">{whole(sum(latest(), "fraudnet_http_request_seconds_count", SCORE))}</td>
          </tr>
        </tbody>
      </table>
      <Chart
        title="Answers, milliseconds"
        height={130}
        at_s={props.looks.map(({ at_s }) => at_s)}
        format={(value) => value.toFixed(1)}
        lines={[
          { name: "p50", colour: "accent", values: line(0.5) },
          { name: "p99", colour: "warn", values: line(0.99) },
        ]}
      />
    </section>
  );
}

const told = (seconds: number | null): string => (seconds === null ? "–" : (seconds * 1_000).toFixed(2));
