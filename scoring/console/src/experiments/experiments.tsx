// Experiments: what is tried beside what decides, and how it compares.

import { createMemo, For, Show } from "solid-js";
import { listExperiments, readExperiment } from "../api/experiments";
import { stamp, words } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { Mark, type Tone } from "../components/marks";
import { createLoad } from "../state/load";
import { route, writeRoute } from "../state/route";
import { Detail } from "./detail";
import "../styles/experiments.css";

const TONES: Record<string, Tone> = {
  running: "info",
  held: "warn",
  decided: "warn",
  completed: "good",
  rolled_back: "bad",
  stopped: "plain",
};

export default function Experiments() {
  const experiments = createLoad(() => true, listExperiments);
  const name = createMemo(() => route().path[1] ?? experiments.value()?.experiments[0]?.name);
  const found = createLoad(name, readExperiment);
  const changed = () => {
    experiments.reload();
    found.reload();
  };
  return (
    <section class="page" aria-labelledby="experiments-title">
      <h1 id="experiments-title">Experiments</h1>
      <Loaded of={experiments} what="the experiments">
        {(told) => (
          <Show
            when={told().experiments.length > 0}
            fallback={
              <Empty>
                No experiment is remembered. <code>fraudnet experiments create</code> begins one.
              </Empty>
            }
          >
            <div class="side-by-side">
              <ul class="plain choices" aria-label="Experiments">
                <For each={told().experiments}>
                  {(experiment) => (
                    <li>
                      <a
                        href={writeRoute(["experiments", experiment.name])}
                        aria-current={experiment.name === name() ? "true" : undefined}
                      >
                        <strong>{experiment.name}</strong>{" "}
                        <Mark tone={TONES[experiment.status] ?? "plain"} text={words(experiment.status)} />
                        <span class="quiet">
                          {experiment.spec.stages[experiment.stage - 1]?.exposure.kind} · stage {experiment.stage} of{" "}
                          {experiment.stages} · since {stamp(experiment.stage_since)}
                        </span>
                      </a>
                    </li>
                  )}
                </For>
              </ul>
              <Loaded of={found} what="the experiment">
                {(one) => <Detail experiment={one().experiment} figures={one().figures ?? null} changed={changed} />}
              </Loaded>
            </div>
          </Show>
        )}
      </Loaded>
    </section>
  );
}
