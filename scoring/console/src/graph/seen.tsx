// The subgraph a verdict was read off: its digest checked, its growth in time, and what lies beyond it today.

import { createEffect, createMemo, createSignal, on, Show } from "solid-js";
import { type Explanation, type Graph, readNeighbourhood, type SeenSubgraph } from "../api/evidence";
import { describe } from "../api/problem";
import { percent, stamp } from "../components/format";
import { Mark } from "../components/marks";
import { bindKeys } from "../state/keyboard";
import { tell } from "../state/toasts";
import { expand } from "./merge";
import { growth } from "./times";
import { GraphView } from "./view";

export default function Seen(props: {
  seen: SeenSubgraph;
  digest: string | undefined;
  attention: Explanation["attention"];
  marked: number | null;
}) {
  // A new payment is a new drawing; neighbours that are asked for are added to the one there is.
  return (
    <Show when={props.seen} keyed>
      {(seen) => <Drawing {...props} seen={seen} />}
    </Show>
  );
}

function Drawing(props: Parameters<typeof Seen>[0]) {
  const [graph, setGraph] = createSignal<Graph>(props.seen);
  const [grownAround, setGrownAround] = createSignal<number>();
  const [chosen, setChosen] = createSignal<number | null>(null);
  const times = createMemo(() => growth(graph()));
  const [step, setStep] = createSignal(Number.POSITIVE_INFINITY);
  const at = () => Math.min(step(), times().length - 1);
  const until = () => times()[at()] ?? 0;
  const asItWas = () => graph() === props.seen;

  const grow = async (index: number) => {
    const node = graph().nodes[index];
    if (!node) return;
    try {
      const grown = expand(graph(), await readNeighbourhood(node.kind, node.id), node);
      const more = grown.nodes.length - graph().nodes.length;
      setGrownAround(index);
      if (grown.links.length > graph().links.length) setGraph(grown);
      setStep(Number.POSITIVE_INFINITY);
      tell(
        more > 0
          ? `${more} more neighbours of ${node.id}, as they are now.`
          : `All neighbours of ${node.id} are here already.`,
      );
    } catch (error) {
      tell(describe(error), "bad");
    }
  };
  const move = (by: number) => setStep(Math.max(0, Math.min(at() + by, times().length - 1)));
  bindKeys("graph", {
    expand: () =>
      chosen() === null ? tell("Choose an entity first: in the graph or in its table.") : void grow(chosen()!),
    earlier: () => move(-1),
    later: () => move(1),
  });
  createEffect(
    on(
      () => props.marked,
      (node) => node !== null && setChosen(null),
      { defer: true },
    ),
  );

  const weight = (node: number) => {
    const attention = props.attention.find((told) => told.node === node);
    return attention ? percent(attention.weight) : "";
  };

  return (
    <>
      <p class="digest">
        <Digest seen={props.seen} digest={props.digest} />
        <Show when={!asItWas()}>
          <Mark tone="info" text="dashed: as of now, not seen by the verdict" />
        </Show>
      </p>
      <GraphView
        graph={graph()}
        ringOf={(node) => node.hop}
        until_ms={until()}
        marked={props.marked}
        chosen={chosen()}
        choose={setChosen}
        expand={(node) => void grow(node)}
        grownAround={grownAround()}
        weight={weight}
        label={`Graph of ${graph().nodes.length} entities around the payment; the table below holds the same`}
      >
        <label class="slider">
          <span>As of</span>
          <input
            type="range"
            min="0"
            max={times().length - 1}
            value={at()}
            aria-valuetext={stamp(until())}
            onInput={({ currentTarget: { value } }) => setStep(Number(value))}
          />
          <output class="number">{stamp(until())}</output>
          <span class="quiet">
            <kbd>,</kbd> <kbd>.</kbd>
          </span>
        </label>
      </GraphView>
    </>
  );
}

/** The service compared the digests; so does this page. */
function Digest(props: { seen: SeenSubgraph; digest: string | undefined }) {
  const same = () => props.seen.matches_verdict && (props.digest === undefined || props.digest === props.seen.digest);
  return (
    <span>
      <Show when={same()} fallback={<Mark tone="bad" text="✕ not what the verdict saw" />}>
        <Mark tone="good" text="✓ exactly what the verdict saw" />
      </Show>{" "}
      <span class="quiet">digest</span> <code>{props.seen.digest}</code>
      <Show when={props.digest !== undefined && props.digest !== props.seen.digest}>
        {" "}
        <span class="quiet">the verdict's is</span> <code>{props.digest}</code>
      </Show>
    </span>
  );
}
