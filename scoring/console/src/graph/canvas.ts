// The graph on a canvas. Loaded with the first page that shows one.

import cytoscape, { type Core, type ElementDefinition } from "cytoscape";
import type { Graph, GraphNode } from "../api/evidence";
import { onColours } from "../state/theme";
import { look } from "./look";
import { type Place, placeNodes, placeOutside } from "./layout";
import { visibleAt } from "./times";

const PADDING_PX = 26;
/** By hop: the middle, its neighbours, the rest. */
const SIZES_PX = [24, 17, 10];

/** Names that can stand beside each other; beyond, accounts have theirs only when chosen. */
const MOST_NAMES = 40;

export interface Canvas {
  /** Adds what `graph` has more than before, around the node it was found by. */
  grow: (graph: Graph, around: number) => void;
  show: (graph: Graph, until_ms: number) => void;
  choose: (node: number | null) => void;
  mark: (node: number | null) => void;
  zoom: (factor: number) => void;
  fit: () => void;
  remove: () => void;
}

interface CanvasOptions {
  ringOf: (node: GraphNode) => number;
  chosen: (node: number | null) => void;
}

export function drawGraph(host: HTMLElement, graph: Graph, options: CanvasOptions): Canvas {
  const begun = performance.now();
  const places = placeNodes(graph, options.ringOf);
  const scale = scaleOf(places, host);
  const cy = cytoscape({
    container: host,
    elements: elements(graph, places, scale, 0, 0),
    style: look(scale),
    layout: { name: "preset", fit: true, padding: PADDING_PX },
    // The wheel scrolls the page; zooming is for buttons, pinching and Ctrl.
    userZoomingEnabled: false,
    autoungrabify: true,
    boxSelectionEnabled: false,
    minZoom: 0.05,
    maxZoom: 4,
  });
  // Read by the end-to-end tests, which hold it to 300 ms.
  cy.one("render", () => performance.measure("graph drawn", { start: begun }));
  cy.on("tap", (event) =>
    options.chosen(event.target === cy ? null : event.target.isNode() ? Number(event.target.id()) : null),
  );
  const unwatch = onColours(() => cy.style(look(scale)));
  const pinch = (event: WheelEvent) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(cy, Math.exp(-event.deltaY / 120));
  };
  host.addEventListener("wheel", pinch, { passive: false });

  return {
    grow: (grown, around) => {
      const [nodes, links] = [cy.nodes().length, cy.edges().length];
      const taken = cy.nodes().map((node) => node.position());
      const newcomers = placeOutside(taken, cy.$id(String(around)).position(), grown.nodes.length - nodes);
      cy.add(elements(grown, [...new Array<Place>(nodes), ...newcomers], scale, nodes, links));
      cy.animate({ fit: { eles: cy.elements(), padding: PADDING_PX } }, { duration: 150 });
    },
    show: (shown, until_ms) => {
      const { shownLinks, shownNodes } = visibleAt(shown, until_ms);
      cy.batch(() => {
        shownNodes.forEach((there, index) => cy.$id(String(index)).toggleClass("later", !there));
        shownLinks.forEach((there, index) => cy.$id(`e${index}`).toggleClass("later", !there));
      });
    },
    choose: (node) => {
      cy.batch(() => {
        cy.elements(".chosen, .near").removeClass("chosen near");
        if (node !== null) cy.$id(String(node)).addClass("chosen").connectedEdges().addClass("near");
      });
    },
    mark: (node) => {
      cy.elements(".marked").removeClass("marked");
      if (node !== null) cy.$id(String(node)).addClass("marked");
    },
    zoom: (factor) => zoom(cy, factor),
    fit: () => cy.fit(undefined, PADDING_PX),
    remove: () => {
      unwatch();
      host.removeEventListener("wheel", pinch);
      cy.destroy();
    },
  };
}

function zoom(cy: Core, factor: number): void {
  cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
}

/** Model units a pixel once the whole graph is in view. */
function scaleOf(places: Place[], host: HTMLElement): number {
  const extent = (axis: "x" | "y") =>
    Math.max(...places.map((place) => place[axis])) - Math.min(...places.map((place) => place[axis]));
  const room = (size: number) => Math.max(1, size - 2 * PADDING_PX);
  return Math.max(0.3, extent("x") / room(host.clientWidth), extent("y") / room(host.clientHeight));
}

function elements(
  graph: Graph,
  places: Place[],
  scale: number,
  fromNode: number,
  fromLink: number,
): ElementDefinition[] {
  const crowded = graph.nodes.filter((node) => node.hop <= 1).length > MOST_NAMES;
  const reported = new Set(graph.links.flatMap((link) => (link.reported > 0 ? [link.from, link.to] : [])));
  const nodes = graph.nodes.slice(fromNode).map((node, offset): ElementDefinition => {
    const index = fromNode + offset;
    const classes = [
      node.hop === 0 && "centre",
      (fromNode > 0 || node.hop === 0 || (node.hop === 1 && !(crowded && node.kind === "account"))) && "named",
      reported.has(index) && "reported",
      fromNode > 0 && "added",
    ];
    return {
      group: "nodes",
      data: {
        id: String(index),
        kind: node.kind,
        label: short(node.id),
        size: SIZES_PX[Math.min(node.hop, 2)]! * scale,
      },
      position: places[index]!,
      classes: classes.filter(Boolean).join(" "),
    };
  });
  const links = graph.links.slice(fromLink).map((link, offset): ElementDefinition => ({
    group: "edges",
    data: {
      id: `e${fromLink + offset}`,
      source: String(link.from),
      target: String(link.to),
      width: Math.min(3, 0.6 + Math.log2(1 + link.payments) / 3) * scale,
    },
    classes: link.reported > 0 ? "reported" : "",
  }));
  return [...nodes, ...links];
}

const short = (id: string): string => (id.length > 16 ? `${id.slice(0, 15)}…` : id);
