// Whether the service answers. While it doesn't, a banner says so and a quiet question is asked until it does.

import { createSignal } from "solid-js";
import { wire } from "../api/client";

const RETRY_MS = [1_000, 2_000, 4_000, 8_000];

const [down, setDown] = createSignal(false);
const [recoveries, setRecoveries] = createSignal(0);
let timer: number | undefined;

/** `recoveries` counts up whenever the service came back: what failed meanwhile loads again. */
export { down, recoveries };

export function watchService(): void {
  wire.answered = () => {
    if (!down()) return;
    clearTimeout(timer);
    setDown(false);
    setRecoveries((times) => times + 1);
  };
  wire.lost = () => {
    if (down()) return;
    setDown(true);
    ask(0);
  };
}

function ask(attempt: number): void {
  timer = window.setTimeout(
    async () => {
      const answered = await fetch("/livez", { cache: "no-store" }).then(
        (reply) => reply.ok,
        () => false,
      );
      if (answered) wire.answered();
      else if (down()) ask(attempt + 1);
    },
    RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)],
  );
}
