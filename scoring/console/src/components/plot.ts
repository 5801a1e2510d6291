// How uPlot is set up here. Loaded by Chart only.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Line } from "./chart";

interface Look {
  palette: Record<string, string>;
  lines: Line[];
  height: number;
  days: boolean;
  format?: (value: number) => string;
  pointed: (index: number | null) => void;
}

export function plot(host: HTMLElement, data: uPlot.AlignedData, look: Look): uPlot {
  const axis: uPlot.Axis = {
    stroke: look.palette["text-quiet"]!,
    grid: { stroke: look.palette.line!, width: 1 },
    ticks: { stroke: look.palette.line!, width: 1 },
    font: "11px system-ui, sans-serif",
  };
  return new uPlot(
    {
      width: host.clientWidth || 400,
      height: look.height,
      // The chart's caption is its legend and tells the values under the cursor.
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      legend: { show: false },
      scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: 90, size: 26, values: look.days ? "{YYYY}-{MM}-{DD}" : "{HH}:{mm}:{ss}" },
        { ...axis, size: 56, ...(look.format && { values: (_plot, splits) => splits.map(look.format!) }) },
      ],
      hooks: { setCursor: [(plot) => look.pointed(plot.cursor.idx ?? null)] },
      series: [
        {},
        ...look.lines.map((line) => ({
          label: line.name,
          stroke: look.palette[line.colour]!,
          width: 1.5,
          points: { show: data[0].length < 3 },
        })),
      ],
    },
    data,
    host,
  );
}
