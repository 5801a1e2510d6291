// What is known of the chosen entity, and what can be done from here.

import { Show } from "solid-js";
import type { Graph, GraphNode } from "../api/evidence";
import { hundredths, stamp, whole } from "../components/format";
import { writeRoute } from "../state/route";
import { may } from "../state/session";

export function Entity(props: {
  graph: Graph;
  index: number;
  node: GraphNode;
  weight: string | undefined;
  expand: ((node: number) => void) | undefined;
  close: () => void;
}) {
  const links = () => props.graph.links.filter(({ from, to }) => from === props.index || to === props.index);
  const sum = (field: "payments" | "reported" | "amount") => links().reduce((total, link) => total + link[field], 0);
  const since = () =>
    links()
      .map((link) => link.first_at)
      .sort()[0];
  return (
    <div class="entity" role="status">
      <header>
        <strong>
          {props.node.kind} <span class="id">{props.node.id}</span>
        </strong>
        <button type="button" class="bare" aria-label="Choose nothing" onClick={() => props.close()}>
          ✕
        </button>
      </header>
      <dl class="facts">
        <div>
          <dt>Connections here</dt>
          <dd class="number">{whole(links().length)}</dd>
        </div>
        <div>
          <dt>Payments on them</dt>
          <dd class="number">{whole(sum("payments"))}</dd>
        </div>
        <div>
          <dt>Reported as fraud</dt>
          <dd class="number" classList={{ late: sum("reported") > 0 }}>
            {sum("reported") > 0 ? `▲ ${whole(sum("reported"))}` : "0"}
          </dd>
        </div>
        <div>
          <dt>Amount</dt>
          <dd class="number">{hundredths(sum("amount"))}</dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd class="number">{stamp(since())}</dd>
        </div>
        <Show when={props.weight}>
          <div>
            <dt>Attention</dt>
            <dd class="number">{props.weight}</dd>
          </div>
        </Show>
      </dl>
      <div class="entity-steps">
        <Show when={props.expand}>
          {(expand) => (
            <button type="button" onClick={() => expand()(props.index)}>
              Show neighbours <kbd>o</kbd>
            </button>
          )}
        </Show>
        <Show when={may("change-lists")}>
          <a class="button" href={writeRoute(["rules"], { kind: props.node.kind, id: props.node.id })}>
            Put on a list
          </a>
        </Show>
      </div>
    </div>
  );
}
