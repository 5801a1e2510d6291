import { expect, test } from "vitest";
import type { Graph, GraphLink, GraphNode } from "../api/evidence";
import { placeNodes } from "./layout";
import { expand } from "./merge";
import { growth, visibleAt } from "./times";

const node = (kind: GraphNode["kind"], id: string, hop: number): GraphNode => ({ kind, id, hop });
const link = (from: number, to: number, day: number): GraphLink => ({
  from,
  to,
  relation: "account-device",
  first_at: `2026-11-${day}T00:00:00Z`,
  last_at: `2026-11-${day}T00:00:00Z`,
  payments: 1,
  reported: 0,
  amount: 100,
  source: 1,
});
const GRAPH: Graph = {
  nodes: [node("account", "a", 0), node("device", "d", 1), node("account", "b", 2)],
  links: [link(0, 1, 12), link(1, 2, 10)],
};

test("in time the graph grows link by link, and its middle was always there", () => {
  const times = growth(GRAPH);
  expect(times).toHaveLength(2);
  expect(visibleAt(GRAPH, times[0]!)).toEqual({ shownLinks: [false, true], shownNodes: [true, true, true] });
  expect(visibleAt(GRAPH, times[0]! - 1)).toEqual({ shownLinks: [false, false], shownNodes: [true, false, false] });
});

test("neighbours are added once and keep what was there in its place", () => {
  const found: Graph = {
    nodes: [node("device", "d", 0), node("account", "a", 1), node("account", "c", 1), node("ip", "far", 2)],
    links: [link(0, 1, 12), link(0, 2, 14), link(2, 3, 15)],
  };
  const grown = expand(GRAPH, found, GRAPH.nodes[1]!);
  expect(grown.nodes.slice(0, 3)).toEqual(GRAPH.nodes);
  expect(grown.nodes.slice(3)).toEqual([node("account", "c", 2)]);
  expect(grown.links).toHaveLength(3);
  expect(expand(grown, found, grown.nodes[1]!)).toEqual(grown);
});

test("every node has a place of its own, the same every time", () => {
  const nodes = Array.from({ length: 128 }, (_, index) =>
    node("account", String(index), index === 0 ? 0 : index < 8 ? 1 : index < 44 ? 2 : 3),
  );
  const links = nodes.slice(1).map((_, index) => link(Math.floor(index / 2), index + 1, 10));
  const places = placeNodes({ nodes, links }, ({ hop }) => hop);
  expect(places[0]).toEqual({ x: 0, y: 0 });
  expect(new Set(places.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`)).size).toBe(128);
  expect(placeNodes({ nodes, links }, ({ hop }) => hop)).toEqual(places);
});
