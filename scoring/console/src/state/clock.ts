// The service's clock as well as it is known here: timers must agree with whoever judges them.

import { createSignal } from "solid-js";

const TICK_MS = 5_000;

let ahead_ms = 0;
const [now, setNow] = createSignal(Date.now());

/** Goes on every few seconds: enough for "due in 12 min". */
export { now };

export const exactNow = (): number => Date.now() + ahead_ms;

export function setClock(service_now_ms: number): void {
  ahead_ms = service_now_ms - Date.now();
  setNow(exactNow());
}

export function startClock(): void {
  setInterval(() => setNow(exactNow()), TICK_MS);
}
