// What moved between two states of a case, in words.

import type { CaseRow } from "../api/cases";
import { hundredths, stamp, words } from "../components/format";

export interface Difference {
  name: string;
  seen: string;
  newer: string;
  changed: boolean;
}

const FIELDS: [string, (row: CaseRow) => string][] = [
  ["Version", (row) => String(row.version)],
  ["Status", (row) => words(row.status)],
  ["Decision", ({ decision }) => (decision ? `${words(decision.outcome)}: ${decision.reason}` : "none")],
  ["Decided by", ({ decision }) => (decision ? `${decision.by} at ${stamp(decision.at_ms)}` : "–")],
  ["Approved by", ({ decision }) => decision?.approved_by ?? "–"],
  ["Held by", ({ lease }) => (lease ? `${lease.holder} until ${stamp(lease.until_ms)}` : "nobody")],
  ["Assigned to", ({ assignee }) => assignee ?? "nobody"],
  ["Escalated", ({ escalated }) => (escalated ? "yes" : "no")],
  ["Snoozed until", ({ snoozed_until_ms }) => stamp(snoozed_until_ms)],
  ["Payments", ({ payment_count }) => String(payment_count)],
  ["Amount", ({ amount_hundredths }) => hundredths(amount_hundredths)],
  ["Merged into", ({ merged_into }) => merged_into ?? "–"],
];

export function differences(seen: CaseRow, newer: CaseRow): Difference[] {
  return FIELDS.map(([name, tell]) => {
    const [before, after] = [tell(seen), tell(newer)];
    return { name, seen: before, newer: after, changed: before !== after };
  });
}
