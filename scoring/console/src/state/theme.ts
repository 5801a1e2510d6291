// Light or dark: what the system prefers unless somebody chose otherwise.

import { createSignal } from "solid-js";

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];
const KEPT = "fraudnet.theme";

const [theme, setTheme] = createSignal<Theme>("system");
export { theme };

export function restoreTheme(): void {
  const kept = localStorage.getItem(KEPT) as Theme | null;
  apply(kept && ORDER.includes(kept) ? kept : "system");
}

export function nextTheme(): void {
  const chosen = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length]!;
  localStorage.setItem(KEPT, chosen);
  apply(chosen);
}

function apply(chosen: Theme): void {
  setTheme(chosen);
  document.documentElement.dataset.theme = chosen;
}

/** Calls back when the colours on the screen change; canvases must be painted again. Returns how to stop. */
export function onColours(repaint: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const watcher = new MutationObserver(repaint);
  system.addEventListener("change", repaint);
  watcher.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", repaint);
    watcher.disconnect();
  };
}

/** What the named custom properties look like right now, as colours a canvas understands. */
export function colours<Name extends string>(...names: Name[]): Record<Name, string> {
  // A custom property holds `light-dark(…)` as written; only a real property is resolved.
  const probe = document.createElement("i");
  document.body.append(probe);
  const told = {} as Record<Name, string>;
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    told[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return told;
}
