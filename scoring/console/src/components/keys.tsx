// The overlay that lists every key.

import { For, Show } from "solid-js";
import { KEYMAP, type Place } from "../state/keymap";
import { Dialog } from "./dialog";

const PLACES: [Place, string][] = [
  ["everywhere", "Everywhere"],
  ["queue", "In the queue"],
  ["case", "In a case or a ring"],
  ["graph", "In the graph"],
];

export function KeyOverlay(props: { open: boolean; close: () => void }) {
  return (
    <Show when={props.open}>
      <Dialog title="Keys" wide close={props.close} onKey={(event) => event.key === "?" && props.close()}>
        <div class="key-columns">
          <For each={PLACES}>
            {([place, title]) => (
              <section>
                <h3>{title}</h3>
                <dl class="keys">
                  <For each={KEYMAP.filter((row) => row.place === place)}>
                    {(row) => (
                      <div>
                        <dt>
                          <For each={row.keys.split(" ")}>{(key) => <kbd>{key}</kbd>}</For>
                        </dt>
                        <dd>{row.text}</dd>
                      </div>
                    )}
                  </For>
                </dl>
              </section>
            )}
          </For>
          <section>
            <h3>In a question</h3>
            <dl class="keys">
              <div>
                <dt>
                  <kbd>1</kbd>–<kbd>9</kbd>
                </dt>
                <dd>Choose that answer and go on</dd>
              </div>
              <div>
                <dt>
                  <kbd>Escape</kbd>
                </dt>
                <dd>Do nothing</dd>
              </div>
            </dl>
          </section>
        </div>
        <footer>
          <button type="button" data-first onClick={() => props.close()}>
            Close
          </button>
        </footer>
      </Dialog>
    </Show>
  );
}
