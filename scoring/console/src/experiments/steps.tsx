// The steps one can make with an experiment, each with its reason.

import { createSignal, For, Show } from "solid-js";
import { type Experiment, type ExperimentStepName, stepExperiment } from "../api/experiments";
import { describe } from "../api/problem";
import { Dialog } from "../components/dialog";
import { may } from "../state/session";
import { tell } from "../state/toasts";

const STEPS: Record<string, ExperimentStepName[]> = {
  running: ["advance", "hold", "stop", "rollback"],
  held: ["resume", "stop", "rollback"],
  decided: ["stop", "rollback"],
};
const TITLES: Record<ExperimentStepName, string> = {
  advance: "Advance to the next stage",
  hold: "Hold in this stage",
  resume: "Go on",
  stop: "Stop: nobody is exposed any more",
  rollback: "Roll back: it went wrong",
};

export function Steps(props: { experiment: Experiment; changed: () => void }) {
  const [wanted, setWanted] = createSignal<ExperimentStepName | null>(null);
  const [reason, setReason] = createSignal("");
  const [refusal, setRefusal] = createSignal("");
  const open = (step: ExperimentStepName) => {
    setReason("");
    setRefusal("");
    setWanted(step);
  };
  const send = async (step: ExperimentStepName) => {
    try {
      await stepExperiment(props.experiment.name, step, reason().trim());
      tell(`${props.experiment.name}: ${step}`, "good");
      setWanted(null);
      props.changed();
    } catch (error) {
      setRefusal(describe(error));
    }
  };
  return (
    <Show when={may("change-models")}>
      <div class="steps" role="group" aria-label="Steps">
        <For each={STEPS[props.experiment.status] ?? []}>
          {(step) => (
            <button type="button" classList={{ bad: step === "rollback" }} onClick={() => open(step)}>
              {step}
            </button>
          )}
        </For>
      </div>
      <Show when={wanted()} keyed>
        {(step) => (
          <Dialog title={`${props.experiment.name}: ${TITLES[step]}`} close={() => setWanted(null)}>
            <form
              onSubmit={(event) => {
                event.preventDefault();
                void send(step);
              }}
            >
              <label>
                Reason
                <input
                  data-first
                  required
                  value={reason()}
                  onInput={({ currentTarget: { value } }) => setReason(value)}
                />
              </label>
              <Show when={refusal()}>
                <p class="failed" role="alert">
                  ✕ {refusal()}
                </p>
              </Show>
              <footer>
                <button type="button" onClick={() => setWanted(null)}>
                  Cancel
                </button>
                <button type="submit" class="primary" disabled={!reason().trim()}>
                  {step}
                </button>
              </footer>
            </form>
          </Dialog>
        )}
      </Show>
    </Show>
  );
}
