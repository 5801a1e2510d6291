// What was changed of what scores: models, experiments, policies, lists, alarms. The latest first.

import { For, Show } from "solid-js";
import { type ChangeEntry, readChanges } from "../api/audit";
import { stamp, whole, words } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { createLoad } from "../state/load";
import { writeRoute } from "../state/route";

const SHOWN = 100;

export function Changes() {
  const changes = createLoad(() => SHOWN, readChanges);
  return (
    <section class="card" aria-labelledby="changes-title">
      <h2 id="changes-title">Recent changes</h2>
      <Loaded of={changes} what="the changes">
        {(told) => (
          <Show when={told().changes.length > 0} fallback={<Empty>Nothing was changed since this log began.</Empty>}>
            <ol class="timeline">
              <For each={told().changes}>
                {(entry) => (
                  <li>
                    <span class="number quiet">{stamp(entry.at)}</span>
                    <span>
                      <strong>{entry.actor}</strong> {words(entry.change.kind)} {words(entry.change.change)}:{" "}
                      {subject(entry.change)} <span class="quiet">{reason(entry.change)}</span>
                    </span>
                    <a
                      class="number quiet"
                      href={writeRoute(["audit"], { position: String(entry.position) })}
                      title="Prove this change"
                    >
                      #{whole(entry.position)}
                    </a>
                  </li>
                )}
              </For>
            </ol>
          </Show>
        )}
      </Loaded>
    </section>
  );
}

type Change = ChangeEntry["change"];

function subject(change: Change): string {
  const document = change.document as { version?: string } | undefined;
  const spec = change.spec as { name?: string } | undefined;
  const told = [
    change.list,
    change.entity,
    change.alias,
    change.model,
    change.experiment,
    spec?.name,
    change.version ?? document?.version,
    change.signal,
    change.id,
  ];
  return told.filter((part) => typeof part === "string").join(" ");
}

const reason = (change: Change): string => String(change.reason ?? change.detail ?? "");
