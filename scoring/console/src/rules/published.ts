// Lets the list of policies know that a new one was published beside it.

import { createEffect, createSignal, on } from "solid-js";

const [times, setTimes] = createSignal(0);

export const published = () => setTimes((before) => before + 1);

export function onPublished(reload: () => void): void {
  createEffect(on(times, reload, { defer: true }));
}
