// Short messages at the edge of the screen. One that can be undone counts down.

import { createSignal } from "solid-js";

export type Tone = "good" | "bad" | "plain";

export interface Toast {
  id: number;
  tone: Tone;
  text: string;
  ends_at: number;
  undo?: () => void;
}

const STAY_MS = 6_000;
const STAY_BAD_MS = 12_000;

const [toasts, setToasts] = createSignal<Toast[]>([]);
let last = 0;
export { toasts };

export function tell(text: string, tone: Tone = "plain"): void {
  show({ tone, text, stay_ms: tone === "bad" ? STAY_BAD_MS : STAY_MS });
}

export function offerUndo(text: string, seconds: number, undo: () => void): void {
  // One promise at a time: `u` must never be in doubt about what it takes back.
  setToasts((all) => all.filter((toast) => !toast.undo));
  show({ tone: "good", text, stay_ms: seconds * 1_000, undo });
}

export function undoLast(): void {
  const undoable = toasts().findLast((toast) => toast.undo);
  if (!undoable) return tell("There is nothing to undo.");
  dismiss(undoable.id);
  undoable.undo?.();
}

export function dismiss(id: number): void {
  setToasts((all) => all.filter((toast) => toast.id !== id));
}

function show({ stay_ms, ...toast }: Omit<Toast, "id" | "ends_at"> & { stay_ms: number }): void {
  const id = ++last;
  setToasts((all) => [...all, { ...toast, id, ends_at: Date.now() + stay_ms }]);
  setTimeout(() => dismiss(id), stay_ms);
}
