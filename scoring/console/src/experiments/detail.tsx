// One experiment: arms, what was found, guard rails, and what was done to it.

import { For, Show } from "solid-js";
import type { Experiment, ExperimentFigures } from "../api/experiments";
import { percent, stamp, whole, words } from "../components/format";
import { Empty } from "../components/loaded";
import { Mark } from "../components/marks";
import { Comparisons } from "./comparisons";
import { Steps } from "./steps";

const DECISIONS = ["approve", "challenge", "review", "decline"];

export function Detail(props: { experiment: Experiment; figures: ExperimentFigures | null; changed: () => void }) {
  return (
    <article class="column">
      <section class="card" aria-labelledby="experiment-title">
        <h2 id="experiment-title">
          {props.experiment.name} <span class="quiet">{props.experiment.spec.description}</span>
        </h2>
        <Show when={props.experiment.rail}>
          {(rail) => (
            <p>
              <Mark tone="bad" text={`✕ ended by the guard rail ${words(rail())}`} />
            </p>
          )}
        </Show>
        <Show when={props.experiment.conclusion}>
          {(conclusion) => (
            <p>
              <Mark tone="info" text={conclusion().proposed ? "waits for a person" : "concluded"} /> {conclusion().text}
            </p>
          )}
        </Show>
        <Steps experiment={props.experiment} changed={props.changed} />
        <Show when={props.figures?.waits_for}>{(what) => <p class="quiet">Waits for: {what()}</p>}</Show>
        <Show when={props.figures} fallback={<Empty>Nothing was counted yet.</Empty>}>
          {(figures) => <Arms figures={figures()} />}
        </Show>
      </section>
      <Show when={props.figures}>
        {(figures) => (
          <>
            <Comparisons comparisons={figures().comparisons} />
            <Rails figures={figures()} />
          </>
        )}
      </Show>
      <section class="card" aria-labelledby="steps-title">
        <h2 id="steps-title">What was done</h2>
        <ol class="timeline">
          <For each={props.experiment.history.toReversed()}>
            {(step) => (
              <li>
                <span class="number quiet">{stamp(step.at_ms)}</span>{" "}
                <span>
                  <strong>{step.actor}</strong> {step.what}
                </span>
              </li>
            )}
          </For>
        </ol>
      </section>
    </article>
  );
}

function Arms(props: { figures: ExperimentFigures }) {
  return (
    <div class="scrolls" tabindex="0" role="region" aria-label="Arms">
      <table>
        <thead>
          <tr>
            <th scope="col">Arm</th>
            <th scope="col" class="number">
              Payments
            </th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col" class="number">
              Alerts
            </th>
            <For each={DECISIONS}>
              {(decision) => (
                <th scope="col" class="number">
                  {decision}
                </th>
              )}
            </For>
            <th scope="col" class="number">
              Lower tier
            </th>
            <th scope="col" class="number">
              p50 ms
            </th>
            <th scope="col" class="number">
              p99 ms
            </th>
            <th scope="col" class="number">
              Recall
            </th>
            <th scope="col" class="number">
              Precision
            </th>
          </tr>
        </thead>
        <tbody>
          <For each={props.figures.arms}>
            {(arm) => (
              <tr>
                <th scope="row">{arm.arm}</th>
                <td class="number">{whole(arm.payments)}</td>
                <td class="number">{percent(arm.share)}</td>
                <td class="number">{percent(arm.alert_rate, 2)}</td>
                <For each={DECISIONS}>
                  {(decision) => <td class="number">{whole(arm.decisions[decision] ?? 0)}</td>}
                </For>
                <td class="number">{percent(arm.error_rate, 2)}</td>
                <td class="number">{arm.latency?.p50_ms.toFixed(2) ?? "–"}</td>
                <td class="number">{arm.latency?.p99_ms.toFixed(2) ?? "–"}</td>
                <td class="number">{arm.mature ? percent(arm.mature.recall) : "–"}</td>
                <td class="number">{arm.mature ? percent(arm.mature.precision) : "–"}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p class="quiet">
        Recall and precision once payments are mature. {whole(props.figures.excluded)} payments belong to an older
        experiment, {whole(props.figures.mixed)} to a younger one.
      </p>
    </div>
  );
}

function Rails(props: { figures: ExperimentFigures }) {
  return (
    <section class="card" aria-labelledby="rails-title">
      <h2 id="rails-title">
        Guard rails <span class="quiet">a breach rolls back by itself</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Arm</th>
            <th scope="col">Rail</th>
            <th scope="col" class="number">
              Reads
            </th>
            <th scope="col" class="number">
              May be
            </th>
            <th scope="col">Stands</th>
            <th scope="col">In words</th>
          </tr>
        </thead>
        <tbody>
          <For
            each={props.figures.guard_rails}
            fallback={
              <tr>
                <td colspan="6" class="quiet">
                  None reads anything yet.
                </td>
              </tr>
            }
          >
            {(rail) => (
              <tr>
                <th scope="row">{rail.arm}</th>
                <td>{words(rail.rail)}</td>
                <td class="number">{rail.value.toFixed(4)}</td>
                <td class="number">{rail.bound.toFixed(4)}</td>
                <td>
                  <Show
                    when={rail.breached}
                    fallback={
                      <Mark tone={rail.excess ? "good" : "plain"} text={rail.excess ? "✓ holds" : "too little seen"} />
                    }
                  >
                    <Mark tone="bad" text="✕ breached" />
                  </Show>
                </td>
                <td class="quiet">{rail.text}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}
