// What was done with the case, each step with its place in the log.

import { For, Show } from "solid-js";
import type { Case } from "../api/cases";
import { stamp, whole } from "../components/format";
import { writeRoute } from "../state/route";
import { deedWords } from "../work/deeds";

export function Timeline(props: { told: Case }) {
  return (
    <section class="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">History of the case</h2>
      <ol class="timeline">
        <For each={props.told.history.toReversed()}>
          {(step) => (
            <li>
              <span class="number quiet">{stamp(step.at_ms)}</span>
              <span>
                <strong>{step.actor}</strong> {deedWords(step.deed)}
              </span>
              <a
                class="number quiet"
                href={writeRoute(["audit"], { position: String(step.position) })}
                title="Prove this step"
              >
                #{whole(step.position)}
              </a>
            </li>
          )}
        </For>
      </ol>
      <Show when={props.told.history_forgotten > 0}>
        <p class="quiet">{whole(props.told.history_forgotten)} earlier steps are in the log alone.</p>
      </Show>
    </section>
  );
}
