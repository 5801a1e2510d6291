// Hands each key to whoever bound its action last: a page, or a part of it.

import { onCleanup, onMount } from "solid-js";
import { type ActionOf, type Place, actionFor, isPrefix, isTyping } from "./keymap";

const PREFIX_MS = 1_200;

interface Binding {
  place: Place;
  actions: Record<string, (() => void) | undefined>;
}

const bindings: Binding[] = [];
let prefix = "";
let prefixEnds: number | undefined;

/** Binds actions of a place for as long as the component lives. */
export function bindKeys<P extends Place>(place: P, actions: Partial<Record<ActionOf<P>, () => void>>): void {
  const binding: Binding = { place, actions: actions as Binding["actions"] };
  onMount(() => bindings.push(binding));
  onCleanup(() => bindings.splice(bindings.indexOf(binding), 1));
}

export function watchKeyboard(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement | null;
    if (isTyping(target as HTMLInputElement | null)) {
      if (event.key === "Escape") target?.blur();
      return;
    }
    // A dialog is about one thing; its own keys are handled inside it.
    if (document.querySelector("dialog[open]")) return;
    // Enter and Space on a control press that control.
    if ((event.key === "Enter" || event.key === " ") && target?.closest("button, a, summary, input")) return;
    if (press(event.key)) event.preventDefault();
  });
}

function press(key: string): boolean {
  const before = prefix;
  forgetPrefix();
  for (const binding of [...bindings].reverse()) {
    const act = binding.actions[actionFor(binding.place, key, before) ?? ""];
    if (!act) continue;
    act();
    return true;
  }
  if (!before && isPrefix(key)) {
    prefix = key;
    prefixEnds = window.setTimeout(forgetPrefix, PREFIX_MS);
  }
  return false;
}

function forgetPrefix(): void {
  clearTimeout(prefixEnds);
  prefix = "";
}
