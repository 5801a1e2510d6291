// Notes. What is being written is kept until the service has it.

import { createEffect, createSignal, For, on, Show } from "solid-js";
import type { Case } from "../api/cases";
import { stamp } from "../components/format";
import { keepDraft, readDraft } from "../state/drafts";
import { bindKeys } from "../state/keyboard";
import { may } from "../state/session";
import { perform } from "../work/perform";

export function Notes(props: { told: Case }) {
  const about = () => `note.${props.told.case_id}`;
  const [text, setText] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  let field: HTMLTextAreaElement | undefined;
  createEffect(on(about, (key) => setText(readDraft(key))));
  bindKeys("case", { note: () => field?.focus() });

  const type = (told: string) => {
    setText(told);
    keepDraft(about(), told);
  };
  const send = async () => {
    if (!text().trim() || busy()) return;
    setBusy(true);
    if (await perform(props.told, { kind: "note", text: text().trim() })) type("");
    setBusy(false);
  };

  return (
    <section class="card" aria-labelledby="notes-title">
      <h2 id="notes-title">Notes</h2>
      <Show when={may("work-cases")}>
        <form
          class="note-form"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <textarea
            ref={field}
            rows="2"
            aria-label="New note"
            placeholder="Write a note  m"
            value={text()}
            onInput={({ currentTarget: { value } }) => type(value)}
            onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && void send()}
          />
          <button type="submit" disabled={busy() || !text().trim()} title="Ctrl+Enter">
            Add
          </button>
        </form>
      </Show>
      <ul class="notes">
        <For each={props.told.notes.toReversed()} fallback={<li class="quiet">No notes yet.</li>}>
          {(note) => (
            <li>
              <span class="quiet">
                <strong>{note.by}</strong> <span class="number">{stamp(note.at_ms)}</span>
              </span>
              <p>{note.text}</p>
            </li>
          )}
        </For>
      </ul>
    </section>
  );
}
