// The verdict: what was decided, by which model and policy, on what was known.

import { For, Show } from "solid-js";
import type { Verdict } from "../api/evidence";
import { probability, stamp, whole } from "../components/format";
import { DecisionMark, Mark } from "../components/marks";
import { writeRoute } from "../state/route";

export function VerdictCard(props: { verdict: Verdict }) {
  const spent = () => Object.values(props.verdict.stage_us).reduce((sum, us) => sum + us, 0);
  return (
    <section class="card verdict" aria-labelledby="verdict-title">
      <h2 id="verdict-title">
        Verdict <DecisionMark decision={props.verdict.decision} />
      </h2>
      <p class="verdict-score">
        <span>
          <strong class="number big">{probability(props.verdict.fraud_probability)}</strong>{" "}
          <span class="quiet">probability of fraud</span>
        </span>
        <span>
          <strong class="number big">{props.verdict.risk_score}</strong> <span class="quiet">risk, of 100</span>
        </span>
      </p>
      <dl class="facts">
        <div>
          <dt>Answered by</dt>
          <dd>
            {props.verdict.tier}{" "}
            <Show when={props.verdict.tier_cause}>
              {(cause) => <Mark tone="warn" text={`not the first: ${cause()}`} />}
            </Show>
          </dd>
        </div>
        <div>
          <dt>Model</dt>
          <dd>
            {props.verdict.model} {props.verdict.model_version}
          </dd>
        </div>
        <div>
          <dt>Policy</dt>
          <dd class="mono">{props.verdict.policy_version}</dd>
        </div>
        <Show when={props.verdict.score_decision}>
          {(decision) => (
            <div>
              <dt>Score alone</dt>
              <dd>
                <DecisionMark decision={decision()} />
              </dd>
            </div>
          )}
        </Show>
        <Show when={props.verdict.control_group}>
          {(control) => (
            <div>
              <dt>Control group</dt>
              <dd>
                let through to learn from it; would be <DecisionMark decision={control().would_be} />
              </dd>
            </div>
          )}
        </Show>
        <div>
          <dt>Known at</dt>
          <dd class="number">
            {stamp(props.verdict.as_of.time)} · position {whole(props.verdict.as_of.position)}
          </dd>
        </div>
        <Show when={props.verdict.experiments}>
          {(arms) => (
            <div>
              <dt>Experiments</dt>
              <dd>
                <For each={arms()}>
                  {(arm) => (
                    <a href={writeRoute(["experiments", arm.experiment])}>
                      {arm.experiment}: {arm.arm}
                    </a>
                  )}
                </For>
              </dd>
            </div>
          )}
        </Show>
        <div>
          <dt>Took</dt>
          <dd class="number">{(spent() / 1_000).toFixed(2)} ms</dd>
        </div>
        <div>
          <dt>Proof</dt>
          <dd>
            <a href={writeRoute(["audit"], { payment: props.verdict.transaction_id })}>prove this verdict</a>
          </dd>
        </div>
      </dl>
    </section>
  );
}
