// A line chart over time. uPlot is loaded when the first chart appears.

import { createEffect, createSignal, For, onCleanup, onMount } from "solid-js";
import type uPlot from "uplot";
import { colours, onColours } from "../state/theme";
import { stamp } from "./format";

export interface Line {
  name: string;
  values: (number | null)[];
  colour: "accent" | "bad" | "warn";
}

export function Chart(props: {
  title: string;
  at_s: number[];
  lines: Line[];
  height?: number;
  days?: boolean;
  format?: (value: number) => string;
}) {
  let host!: HTMLDivElement;
  let plot: uPlot | undefined;
  const [pointed, setPointed] = createSignal<number | null>(null);
  const value = (line: Line) => {
    const under = line.values[pointed() ?? -1] ?? null;
    return under === null ? "" : (props.format?.(under) ?? String(Math.round(under * 100) / 100));
  };
  const time = () => {
    const at_s = props.at_s[pointed() ?? -1];
    return at_s === undefined ? "" : props.days ? stamp(at_s * 1_000).slice(0, 10) : stamp(at_s * 1_000).slice(11);
  };
  const [library, setLibrary] = createSignal<typeof import("./plot")>();
  onMount(async () => setLibrary(await import("./plot")));

  const data = () => [props.at_s, ...props.lines.map((line) => line.values)] as uPlot.AlignedData;
  const draw = () => {
    plot?.destroy();
    const palette = colours("accent", "bad", "warn", "line", "text-quiet");
    plot = library()?.plot(host, data(), {
      palette,
      lines: props.lines,
      height: props.height ?? 160,
      days: props.days ?? false,
      pointed: setPointed,
      ...(props.format && { format: props.format }),
    });
  };

  createEffect(() => library() && draw());
  createEffect(() => {
    const latest = data();
    if (plot?.series.length === latest.length) plot.setData(latest);
  });
  onMount(() => {
    const sized = new ResizeObserver(() => plot?.setSize({ width: host.clientWidth, height: props.height ?? 160 }));
    sized.observe(host);
    const unwatch = onColours(draw);
    onCleanup(() => {
      sized.disconnect();
      unwatch();
      plot?.destroy();
    });
  });

  return (
    <figure class="chart">
      <figcaption>
        {props.title}
        <For each={props.lines}>
          {(line) => (
            <span classList={{ "legend-line": props.lines.length > 1, [line.colour]: true }}>
              {props.lines.length > 1 ? line.name : ""} <span class="number">{value(line)}</span>
            </span>
          )}
        </For>
        <span class="number">{time()}</span>
      </figcaption>
      <div ref={host} role="img" aria-label={summary(props.title, props.lines)} />
    </figure>
  );
}

/** What somebody who does not see the lines is told of them. */
function summary(title: string, lines: Line[]): string {
  const ends = lines.map(
    ({ name, values }) => `${name} from ${values[0] ?? "unknown"} to ${values.at(-1) ?? "unknown"}`,
  );
  return `${title}: ${ends.join(", ")}`;
}
