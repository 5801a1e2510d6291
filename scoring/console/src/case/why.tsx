// Why: the reasons in words, what each piece of evidence weighed, and what the score would be without it.

import { For, Show } from "solid-js";
import type { Explanation, Verdict } from "../api/evidence";
import { percent, probability, signed } from "../components/format";
import { Loaded } from "../components/loaded";
import type { Load } from "../state/load";
import { Bar } from "./bar";

const MOST_FEATURES = 10;

export function Why(props: {
  verdict: Load<Verdict>;
  explanation: Load<Explanation>;
  mark: (node: number | null) => void;
}) {
  return (
    <section class="card" aria-labelledby="why-title">
      <h2 id="why-title">Why</h2>
      <Show when={props.verdict.value()}>
        {(verdict) => (
          <ul class="reasons">
            <For each={verdict().reasons}>
              {(reason) => (
                <li>
                  {reason.text} <code>{reason.code}</code>
                </li>
              )}
            </For>
          </ul>
        )}
      </Show>
      <Loaded of={props.explanation} what="the explanation">
        {(told) => <Weighed told={told()} mark={props.mark} />}
      </Loaded>
    </section>
  );
}

function Weighed(props: { told: Explanation; mark: (node: number | null) => void }) {
  const largest = () =>
    Math.max(
      ...[...props.told.features, ...props.told.entities].map(({ contribution }) => Math.abs(contribution)),
      0.01,
    );
  /** What is not listed, by the service or here. */
  const others = () =>
    props.told.features
      .slice(MOST_FEATURES)
      .reduce((sum, { contribution }) => sum + contribution, props.told.unlisted_contribution);
  return (
    <>
      <Show when={props.told.evidence.length > 0}>
        <h3>Ways to reported fraud</h3>
        <ul class="reasons">
          <For each={props.told.evidence}>{(way) => <li>{way}</li>}</For>
        </ul>
      </Show>
      <h3>
        What weighed{" "}
        <span class="quiet">
          log-odds; from {probability(props.told.base_probability)} on average to{" "}
          {probability(props.told.fraud_probability)}
        </span>
      </h3>
      <ol class="weights">
        <For each={props.told.features.slice(0, MOST_FEATURES)}>
          {(feature) => (
            <li title={feature.name}>
              <span>
                {feature.text} <span class="quiet number">{feature.value}</span>
              </span>
              <Bar share={feature.contribution / largest()} text={signed(feature.contribution)} />
            </li>
          )}
        </For>
        <li>
          <span class="quiet">all other figures together</span>
          <Bar share={others() / largest()} text={signed(others())} />
        </li>
      </ol>
      <Show when={props.told.entities.length > 0}>
        <h3>The way through the graph</h3>
        <ol class="weights">
          <For each={props.told.entities}>
            {(entity) => (
              <li onMouseEnter={() => props.mark(entity.node)} onMouseLeave={() => props.mark(null)}>
                <button
                  type="button"
                  class="link path"
                  onFocus={() => props.mark(entity.node)}
                  onBlur={() => props.mark(null)}
                >
                  {entity.path}
                </button>
                <Bar share={entity.contribution / largest()} text={signed(entity.contribution)} />
              </li>
            )}
          </For>
        </ol>
      </Show>
      <Show when={props.told.without.length > 0}>
        <h3>What if it were not there</h3>
        <table class="what-if">
          <thead>
            <tr>
              <th scope="col">Without</th>
              <th scope="col" class="number">
                Probability
              </th>
              <th scope="col" class="number">
                Change
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={props.told.without}>
              {(piece) => (
                <tr>
                  <th scope="row">{piece.what}</th>
                  <td class="number">{probability(piece.fraud_probability)}</td>
                  <td class="number">{signed(piece.fraud_probability - props.told.fraud_probability, 3)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </Show>
      <Show when={Math.abs(props.told.recomputed_probability - props.told.fraud_probability) > 0.001}>
        <p class="mark warn">
          Computed again it is {percent(props.told.recomputed_probability)}: the explanation is of a model that differs
          from the one that decided.
        </p>
      </Show>
      <Show when={props.told.left_out.length > 0}>
        <p class="quiet">Not tried for want of time: {props.told.left_out.join("; ")}.</p>
      </Show>
      <p class="quiet">explained in {props.told.spent_ms.toFixed(0)} ms</p>
    </>
  );
}
