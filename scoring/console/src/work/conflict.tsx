// A step was refused: the state one saw beside the state there is. Nothing has been overwritten.

import { For, Show } from "solid-js";
import type { Case } from "../api/cases";
import { Dialog } from "../components/dialog";
import { stamp } from "../components/format";
import { wishWords } from "./actions";
import { deedWords } from "./deeds";
import { differences } from "./differences";
import { caseChanged, type Conflict, conflict, perform, setConflict } from "./perform";

const TITLES: Record<string, string> = {
  stale: "The case moved on while you looked at it",
  same_person: "A second pair of eyes is needed",
  held: "Somebody else holds this case",
  assigned: "The case is assigned to somebody else",
  needs_lead: "This needs a lead",
  escalated: "The case is escalated: it needs a lead",
  awaiting_approval: "The case awaits approval",
  not_awaiting_approval: "There is no decision to approve",
  closed: "The case is closed",
  merged: "The case went into another one",
  nothing_to_undo: "There is nothing to undo",
  not_yours: "Somebody else decided this",
  too_late: "The time to undo is over",
  too_many_notes: "The case holds as many notes as it can",
};

export function ConflictDialog() {
  return (
    <Show when={conflict()} keyed>
      {(told) => <Sides {...told} />}
    </Show>
  );
}

function Sides(props: Conflict) {
  const adopt = () => {
    caseChanged(props.newer);
    setConflict(null);
  };
  const repeat = () => {
    adopt();
    void perform(props.newer, props.action);
  };
  return (
    <Dialog title={TITLES[props.problem.code ?? ""] ?? props.problem.title} wide close={adopt}>
      <p>{props.problem.detail}</p>
      <p>
        You wanted to <strong>{wishWords(props.action)}</strong>. Nothing was changed.
      </p>
      <table class="sides">
        <thead>
          <tr>
            <th scope="col">Account {props.newer.account}</th>
            <th scope="col">As you saw it</th>
            <th scope="col">As it is now</th>
          </tr>
        </thead>
        <tbody>
          <For each={differences(props.seen, props.newer)}>
            {(row) => (
              <tr classList={{ changed: row.changed }}>
                <th scope="row">{row.name}</th>
                <td>{row.seen}</td>
                <td>
                  {row.newer}{" "}
                  <Show when={row.changed}>
                    <span class="mark warn">changed</span>
                  </Show>
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <Lately newer={props.newer} since={props.seen.version} />
      <footer>
        <button type="button" class="primary" data-first onClick={adopt}>
          Go on with the newer state
        </button>
        <Show when={props.problem.code === "stale"}>
          <button type="button" onClick={repeat}>
            Do it on the newer state
          </button>
        </Show>
      </footer>
    </Dialog>
  );
}

/** What others did since one looked. */
function Lately(props: { newer: Case; since: number }) {
  const steps = () => props.newer.history.filter((step) => step.version > props.since);
  return (
    <Show when={steps().length > 0}>
      <h3>Since then</h3>
      <ul class="plain">
        <For each={steps()}>
          {(step) => (
            <li>
              <span class="number quiet">{stamp(step.at_ms)}</span> <strong>{step.actor}</strong> {deedWords(step.deed)}
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}
