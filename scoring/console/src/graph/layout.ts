// Where each node stands: rings around the middle, one a hop, each node near whoever it hangs on.
// Computed in one pass, which a force layout of 128 nodes would take seconds for, and the same every time.

import type { Graph, GraphNode } from "../api/evidence";

export interface Place {
  x: number;
  y: number;
}

const RING_PX = 118;
/** Room that a node needs on its ring. */
const ROOM_PX = 27;
/** Screens are wider than high. */
const WIDEN = 1.7;

export function placeNodes({ nodes, links }: Graph, ringOf: (node: GraphNode) => number): Place[] {
  const neighbours: number[][] = nodes.map(() => []);
  for (const { from, to } of links) {
    neighbours[from]?.push(to);
    neighbours[to]?.push(from);
  }
  const angles: (number | undefined)[] = nodes.map(() => undefined);
  const places: Place[] = nodes.map(() => ({ x: 0, y: 0 }));
  const ringOfNode = nodes.map(ringOf);
  let radius = 0;
  for (const ring of [...new Set(ringOfNode)].sort((a, b) => a - b)) {
    const members = [...nodes.keys()].filter((index) => ringOfNode[index] === ring);
    const wanted = new Map(members.map((index) => [index, meanAngle(neighbours[index]!, angles)]));
    // Those that hang on nobody further in keep together by kind.
    members.sort((a, b) => wanted.get(a)! - wanted.get(b)! || nodes[a]!.kind.localeCompare(nodes[b]!.kind) || a - b);
    const needed = (members.length * ROOM_PX) / (2 * Math.PI);
    if (radius > 0 || members.length > 1) radius = Math.max(radius + RING_PX, needed);
    const turn = startOf(members, wanted);
    members.forEach((index, order) => {
      const angle = turn + (order / members.length) * 2 * Math.PI;
      angles[index] = angle;
      places[index] = at(radius, angle);
    });
    radius = Math.max(radius, 1);
  }
  return places;
}

/** Where newcomers stand that hang on one node: outside of everything, in its direction. */
export function placeOutside(places: Place[], centre: Place, count: number): Place[] {
  const edge = Math.max(RING_PX, ...places.map(({ x, y }) => Math.hypot(x / WIDEN, y)));
  const outwards = Math.atan2(centre.y, centre.x / WIDEN);
  const step = Math.min(0.2, (2 * Math.PI) / Math.max(1, count));
  return Array.from({ length: count }, (_, order) =>
    // In two rows, so that the names have room.
    at(edge + 60 + (order % 2) * 48, outwards + (order - (count - 1) / 2) * step),
  );
}

const at = (radius: number, angle: number): Place => ({
  x: radius * WIDEN * Math.cos(angle),
  y: radius * Math.sin(angle),
});

// Angles are added as directions: the mean of 359° and 1° is 0°.
function meanAngle(neighbours: number[], angles: (number | undefined)[]): number {
  let [x, y] = [0, 0];
  for (const index of neighbours) {
    const angle = angles[index];
    if (angle === undefined) continue;
    x += Math.cos(angle);
    y += Math.sin(angle);
  }
  return x === 0 && y === 0 ? 0 : (Math.atan2(y, x) + 2 * Math.PI) % (2 * Math.PI);
}

// Evenly spread over the ring, turned so that on the whole nobody is far from where they would be.
function startOf(members: number[], wanted: Map<number, number>): number {
  let [x, y] = [0, 0];
  members.forEach((index, order) => {
    const off = wanted.get(index)! - (order / members.length) * 2 * Math.PI;
    x += Math.cos(off);
    y += Math.sin(off);
  });
  return Math.atan2(y, x);
}
