// Adds to a graph what an entity is connected with now.

import type { EntityKind, Graph, GraphNode } from "../api/evidence";

const nodeKey = (node: { kind: EntityKind; id: string }): string => `${node.kind}:${node.id}`;

/** The graph with the direct neighbours of `around` in it; what was there keeps its place and its number. */
export function expand(graph: Graph, found: Graph, around: GraphNode): Graph {
  const numbers = new Map(graph.nodes.map((node, index) => [nodeKey(node), index]));
  const nodes = [...graph.nodes];
  const links = [...graph.links];
  const known = new Set(links.map((link) => pair(link.from, link.to, link.relation)));
  const number = (node: GraphNode): number => {
    const key = nodeKey(node);
    const before = numbers.get(key);
    if (before !== undefined) return before;
    nodes.push({ ...node, hop: around.hop + 1 });
    numbers.set(key, nodes.length - 1);
    return nodes.length - 1;
  };
  const centre = nodeKey(around);
  for (const link of found.links) {
    const [from, to] = [found.nodes[link.from], found.nodes[link.to]];
    if (!from || !to || (nodeKey(from) !== centre && nodeKey(to) !== centre)) continue;
    const added = { ...link, from: number(from), to: number(to) };
    if (known.has(pair(added.from, added.to, added.relation))) continue;
    known.add(pair(added.from, added.to, added.relation));
    links.push(added);
  }
  return { nodes, links };
}

const pair = (from: number, to: number, relation: string): string =>
  `${Math.min(from, to)} ${Math.max(from, to)} ${relation}`;
