// A step of a case in words.

import type { Deed } from "../api/cases";
import { stamp, words } from "../components/format";

/** The parts of a deed that are words; the log has all of it. */
export function deedWords({ kind, ...rest }: Deed): string {
  const told = Object.entries(rest)
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([name, value]) => (name.endsWith("_ms") ? `until ${stamp(value as number)}` : words(String(value))));
  return told.length > 0 ? `${words(kind)}: ${told.join(", ")}` : words(kind);
}
