// The graph as a table: for the keyboard, for screen readers, for copying.

import { createSignal, For, Show } from "solid-js";
import type { Graph } from "../api/evidence";
import { whole } from "../components/format";

export function EntityTable(props: { graph: Graph; chosen: number | null; choose: (node: number) => void }) {
  const [open, setOpen] = createSignal(false);
  const totals = () => {
    const told = props.graph.nodes.map(() => ({ payments: 0, reported: 0 }));
    for (const { from, to, payments, reported } of props.graph.links) {
      for (const end of [told[from], told[to]]) {
        if (!end) continue;
        end.payments += payments;
        end.reported += reported;
      }
    }
    return told;
  };
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {props.graph.nodes.length} entities and {props.graph.links.length} connections as a table
      </summary>
      <Show when={open()}>
        <div class="scrolls tall" tabindex="0" role="region" aria-label="Entities of the graph">
          <table>
            <thead>
              <tr>
                <th scope="col">Entity</th>
                <th scope="col">Kind</th>
                <th scope="col" class="number">
                  Hop
                </th>
                <th scope="col" class="number">
                  Payments
                </th>
                <th scope="col" class="number">
                  Reported
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={props.graph.nodes}>
                {(node, index) => (
                  <tr classList={{ current: props.chosen === index() }}>
                    <th scope="row">
                      <button type="button" class="link" onClick={() => props.choose(index())}>
                        {node.id}
                      </button>
                    </th>
                    <td>{node.kind}</td>
                    <td class="number">{node.hop}</td>
                    <td class="number">{whole(totals()[index()]!.payments)}</td>
                    <td class="number">{whole(totals()[index()]!.reported)}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
      </Show>
    </details>
  );
}
