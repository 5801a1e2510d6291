// A graph with what belongs to it: legend, zoom, the entity chosen, and the same as a table.

import { createEffect, createSignal, type JSX, on, onCleanup, onMount, Show } from "solid-js";
import type { Graph, GraphNode } from "../api/evidence";
import { Failed } from "../components/loaded";
import type { Canvas } from "./canvas";
import { Entity } from "./entity";
import { EntityTable } from "./table";
import "../styles/graph.css";

export function GraphView(props: {
  graph: Graph;
  ringOf: (node: GraphNode) => number;
  until_ms?: number;
  marked?: number | null;
  label: string;
  /** Shows the neighbours of an entity; absent where the graph is what it is. */
  expand?: (node: number) => void;
  /** The node that the latest neighbours were found by. */
  grownAround?: number;
  weight?: (node: number) => string;
  chosen: number | null;
  choose: (node: number | null) => void;
  /** What stands between the drawing and its table. */
  children?: JSX.Element;
}) {
  let host!: HTMLDivElement;
  const [canvas, setCanvas] = createSignal<Canvas>();
  const [failure, setFailure] = createSignal<unknown>();

  const draw = async () => {
    setFailure(undefined);
    try {
      const { drawGraph } = await import("./canvas");
      if (host.isConnected) setCanvas(drawGraph(host, props.graph, { ringOf: props.ringOf, chosen: props.choose }));
    } catch (error) {
      setFailure(() => error);
    }
  };
  onMount(draw);
  onCleanup(() => canvas()?.remove());
  createEffect(
    on(
      () => props.graph,
      (graph) => props.grownAround !== undefined && canvas()?.grow(graph, props.grownAround),
      { defer: true },
    ),
  );
  createEffect(() => props.until_ms !== undefined && canvas()?.show(props.graph, props.until_ms));
  // Connections that came with a growth are lit up, too.
  createEffect(() => props.graph && canvas()?.choose(props.chosen));
  createEffect(() => canvas()?.mark(props.marked ?? null));

  return (
    <>
      <div class="graph-frame">
        {/* cytoscape makes a style element unless it finds one by this id, and the content security policy blocks that; graph.css has the rule. */}
        <span id="__________cytoscape_stylesheet" hidden />
        <div ref={host} class="graph-canvas" role="img" aria-label={props.label} />
        <Show when={failure()}>{(error) => <Failed what="the graph" error={error()} retry={() => void draw()} />}</Show>
        <Legend />
        <div class="graph-zoom" role="group" aria-label="Zoom">
          <button type="button" aria-label="Zoom in" onClick={() => canvas()?.zoom(1.3)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => canvas()?.zoom(1 / 1.3)}>
            −
          </button>
          <button type="button" aria-label="Fit the graph" onClick={() => canvas()?.fit()}>
            ⤢
          </button>
        </div>
        <Show when={props.chosen !== null && props.graph.nodes[props.chosen]}>
          {(node) => (
            <Entity
              graph={props.graph}
              index={props.chosen!}
              node={node()}
              weight={props.weight?.(props.chosen!)}
              expand={props.expand}
              close={() => props.choose(null)}
            />
          )}
        </Show>
      </div>
      {props.children}
      <EntityTable graph={props.graph} chosen={props.chosen} choose={props.choose} />
    </>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li>
        <span class="account" aria-hidden="true">
          ●
        </span>{" "}
        account
      </li>
      <li>
        <span class="device" aria-hidden="true">
          ■
        </span>{" "}
        device
      </li>
      <li>
        <span class="ip" aria-hidden="true">
          ◆
        </span>{" "}
        IP address
      </li>
      <li>
        <span class="merchant" aria-hidden="true">
          ⬢
        </span>{" "}
        merchant
      </li>
      <li>
        <span class="reported" aria-hidden="true">
          ◎ ┄
        </span>{" "}
        fraud reported
      </li>
    </ul>
  );
}
