// The service's settings for reviews, read once a session.

import { createSignal } from "solid-js";
import { type ReviewSettings, readSettings } from "../api/cases";

const [settings, setSettings] = createSignal<ReviewSettings | null>(null);
export { settings };

export async function loadSettings(): Promise<void> {
  setSettings(await readSettings());
}

export const referenceCurrency = (): string => settings()?.reference_currency ?? "";
export const undoSeconds = (): number => settings()?.undo_seconds ?? 10;
