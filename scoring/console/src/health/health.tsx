// The health board: data, model and risk people look at the same page.

import { For, Show } from "solid-js";
import { percent, stamp, whole, words } from "../components/format";
import { Failed } from "../components/loaded";
import { Mark } from "../components/marks";
import { Alarms, ConceptDrift, DataDrift } from "./drift";
import { Feedback } from "./feedback";
import { Latency } from "./latency";
import { may } from "../state/session";
import { type Board, type Look, pollBoard } from "./poll";
import { sum, sumBy } from "./prometheus";
import { Tiers } from "./tiers";
import "../styles/health.css";

export default function Health() {
  const { board, looks, error, look } = pollBoard();
  return (
    <section class="page" aria-labelledby="health-title">
      <h1 id="health-title">
        Health <span class="quiet">asked every 5 seconds; lines begin when this page was opened</span>
      </h1>
      <Show when={error()}>{(reason) => <Failed what="the latest figures" error={reason()} retry={look} />}</Show>
      <Show
        when={board()}
        fallback={
          <Show when={!error()}>
            <p class="loading" aria-busy="true">
              Loading the board …
            </p>
          </Show>
        }
      >
        {(told) => (
          <>
            <Summary board={told()} latest={looks().at(-1)!} />
            <Alarms drift={told().drift} />
            <div class="board">
              <div class="column">
                <DataDrift drift={told().drift} />
                <Show when={may("read-metrics")} fallback={<NoMetrics />}>
                  <Tiers looks={looks()} models={told().models} />
                </Show>
              </div>
              <div class="column">
                <ConceptDrift drift={told().drift} />
                <Show when={told().figures}>
                  {(figures) => <Feedback figures={figures()} drift={told().drift} looks={looks()} />}
                </Show>
                <Show when={may("read-metrics")}>
                  <Latency looks={looks()} />
                </Show>
              </div>
            </div>
          </>
        )}
      </Show>
    </section>
  );
}

function NoMetrics() {
  return (
    <section class="card">
      <h2>Tiers and latency</h2>
      <p class="quiet">They are read off the service's metrics, which your roles do not show you.</p>
    </section>
  );
}

function Summary(props: { board: Board; latest: Look }) {
  const metrics = () => props.latest.metrics;
  const decisions = () => [...sumBy(metrics(), "fraudnet_payments_total", "decision")].filter(([, count]) => count > 0);
  const all = () => sum(metrics(), "fraudnet_payments_total");
  return (
    <dl class="figures">
      <div>
        <dt>Service</dt>
        <dd>
          <Mark
            tone={props.board.readiness.ready ? "good" : "bad"}
            text={props.board.readiness.ready ? "✓ ready" : `✕ ${words(props.board.readiness.state)}`}
          />
        </dd>
      </div>
      <Show when={props.board.readiness.degraded?.length}>
        <div class="wide">
          <dt>Degraded</dt>
          <dd>
            <For each={props.board.readiness.degraded}>{(what) => <Mark tone="warn" text={`▲ ${what}`} />}</For>
          </dd>
        </div>
      </Show>
      <div>
        <dt>Champion</dt>
        <dd>{props.board.models.serving}</dd>
      </div>
      <Show when={may("read-metrics")}>
        <div>
          <dt>Payments</dt>
          <dd class="number">{whole(all())}</dd>
        </div>
        <For each={decisions()}>
          {([decision, count]) => (
            <div>
              <dt>{decision}</dt>
              <dd class="number">{percent(count / Math.max(1, all()), 2)}</dd>
            </div>
          )}
        </For>
        <div>
          <dt>Entities</dt>
          <dd class="number">{whole(sum(metrics(), "fraudnet_graph_entities"))}</dd>
        </div>
        <div>
          <dt>Log position</dt>
          <dd class="number">{whole(sum(metrics(), "fraudnet_log_position"))}</dd>
        </div>
        <div>
          <dt>Signed by audit</dt>
          <dd class="number">
            {percent(
              sum(metrics(), "fraudnet_audit_signed_entries") / Math.max(1, sum(metrics(), "fraudnet_audit_entries")),
              1,
            )}
          </dd>
        </div>
      </Show>
      <div>
        <dt>As of</dt>
        <dd class="number">{stamp(props.latest.at_s * 1_000).slice(11)}</dd>
      </div>
    </dl>
  );
}
