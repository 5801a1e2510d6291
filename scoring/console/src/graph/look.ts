// How the graph is painted. Kinds differ by shape as well as by colour, reported fraud by a double line as well as by red.

import type { StylesheetJson } from "cytoscape";
import { colours } from "../state/theme";

const SHAPES = { account: "ellipse", device: "rectangle", ip: "diamond", merchant: "hexagon" } as const;

/** `scale`: model units a pixel, so that labels have the same size on the screen in any graph. */
export function look(scale: number): StylesheetJson {
  const paint = colours(
    "account",
    "device",
    "ip",
    "merchant",
    "bad",
    "text",
    "text-quiet",
    "surface",
    "edge",
    "accent",
  );
  const kinds = (Object.keys(SHAPES) as (keyof typeof SHAPES)[]).map((kind) => ({
    selector: `node[kind = "${kind}"]`,
    style: { shape: SHAPES[kind], "background-color": paint[kind] },
  }));
  return [
    {
      selector: "node",
      style: {
        width: "data(size)",
        height: "data(size)",
        "border-width": scale,
        "border-color": paint.surface,
        "font-family": "system-ui, sans-serif",
        "font-size": 11 * scale,
        color: paint.text,
        "text-valign": "bottom",
        "text-margin-y": 3 * scale,
        "text-background-color": paint.surface,
        "text-background-opacity": 0.8,
        "text-background-padding": "1px",
      },
    },
    ...kinds,
    { selector: "node.named", style: { label: "data(label)" } },
    {
      selector: "node.reported",
      style: { "border-width": 4 * scale, "border-style": "double", "border-color": paint.bad },
    },
    { selector: "node.centre", style: { "border-width": 3 * scale, "border-color": paint.text } },
    {
      selector: "node.added",
      style: { "border-width": 1.5 * scale, "border-style": "dashed", "border-color": paint.text },
    },
    {
      selector: "node.chosen, node.marked",
      style: {
        label: "data(label)",
        "underlay-color": paint.accent,
        "underlay-opacity": 0.35,
        "underlay-padding": 6 * scale,
        "font-weight": "bold",
        "z-index": 9,
      },
    },
    {
      selector: "edge",
      style: { width: "data(width)", "line-color": paint.edge, "curve-style": "haystack", "haystack-radius": 0 },
    },
    { selector: "edge.reported", style: { "line-color": paint.bad, "line-style": "dashed" } },
    { selector: "edge.near", style: { "line-color": paint.accent, width: 2.5 * scale, "z-index": 8 } },
    { selector: ".later", style: { opacity: 0.08, "text-opacity": 0 } },
    { selector: "edge.later", style: { opacity: 0 } },
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-opacity": 0 } as never },
  ] as StylesheetJson;
}
