// The graph in time: it grows one connection after the other.

import type { Graph } from "../api/evidence";

/** The times at which the graph grew, in order. */
export function growth({ links }: Graph): number[] {
  return [...new Set(links.map((link) => Date.parse(link.first_at)))].sort((a, b) => a - b);
}

/** Which nodes and links were there at a time. The middle always was. */
export function visibleAt({ nodes, links }: Graph, until_ms: number) {
  const shownLinks = links.map((link) => Date.parse(link.first_at) <= until_ms);
  const shownNodes = nodes.map((node) => node.hop === 0);
  links.forEach((link, index) => {
    if (!shownLinks[index]) return;
    shownNodes[link.from] = true;
    shownNodes[link.to] = true;
  });
  return { shownLinks, shownNodes };
}
