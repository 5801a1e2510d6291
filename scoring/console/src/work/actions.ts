// What an analyst can wish for, the answers that are ready for "why", and the step each becomes.

import type { CaseAction, Outcome } from "../api/cases";
import { words } from "../components/format";

export type Wish = Outcome | "assign" | "escalate" | "snooze" | "reject" | "reopen";

interface Question {
  title: string;
  verb: string;
  presets: string[];
}

export const QUESTIONS: Record<Wish, Question> = {
  false_positive: {
    title: "Legitimate: why?",
    verb: "Decide legitimate",
    presets: [
      "Customer confirmed the payment",
      "Known device and usual behaviour",
      "Household or company shares the device",
      "Travel explains place and address",
      "Amount and merchant fit the account",
    ],
  },
  confirmed_fraud: {
    title: "Fraud: why?",
    verb: "Confirm fraud",
    presets: [
      "Customer denies the payment",
      "Account taken over",
      "Device farm or ring",
      "Stolen card or credentials",
      "Mule account",
      "Merchant in league",
    ],
  },
  inconclusive: {
    title: "Inconclusive: why?",
    verb: "Close as inconclusive",
    presets: ["Customer cannot be reached", "Evidence contradicts itself", "Too little history"],
  },
  escalate: {
    title: "Escalate: why?",
    verb: "Escalate",
    presets: ["Part of a ring", "High amount", "Needs a lead's decision", "Legal or police request"],
  },
  reject: {
    title: "Reject the decision: why?",
    verb: "Reject",
    presets: ["Evidence does not carry it", "Customer must be asked first", "Another outcome fits better"],
  },
  reopen: {
    title: "Reopen: why?",
    verb: "Reopen",
    presets: ["New evidence", "Chargeback arrived", "Decided by mistake"],
  },
  assign: { title: "Assign to whom?", verb: "Assign", presets: [] },
  snooze: { title: "Snooze until when?", verb: "Snooze", presets: [] },
};

export interface Pause {
  text: string;
  until_ms: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Times to choose from, none beyond what the service allows. */
export function pauses(now_ms: number, max_days: number): Pause[] {
  const morning = new Date(now_ms + DAY_MS);
  morning.setHours(9, 0, 0, 0);
  const all = [
    { text: "1 hour", until_ms: now_ms + HOUR_MS },
    { text: "4 hours", until_ms: now_ms + 4 * HOUR_MS },
    { text: "Tomorrow at 9", until_ms: morning.getTime() },
    { text: "3 days", until_ms: now_ms + 3 * DAY_MS },
    { text: "A week", until_ms: now_ms + 7 * DAY_MS },
  ];
  return all.filter((pause) => pause.until_ms <= now_ms + max_days * DAY_MS);
}

export function toAction(wish: Exclude<Wish, "snooze">, reason: string, note: string): CaseAction {
  if (wish === "assign") return { kind: "assign", to: reason };
  if (wish === "escalate" || wish === "reject" || wish === "reopen") return { kind: wish, reason };
  return { kind: "decide", outcome: wish, reason, ...(note && { note }) };
}

const DONE: Record<CaseAction["kind"], string> = {
  take: "Taken",
  release: "Let go",
  approve: "Decision approved",
  undo: "Taken back",
  assign: "Assigned",
  snooze: "Snoozed",
  note: "Noted",
  escalate: "Escalated",
  reject: "Decision rejected",
  reopen: "Reopened",
  decide: "Decided",
};

export const doneWords = (action: CaseAction): string =>
  action.kind === "decide" ? `Decided: ${words(action.outcome)}` : DONE[action.kind];

export const wishWords = (action: CaseAction): string => {
  const what = action.kind === "decide" ? `decide ${words(action.outcome)}` : action.kind;
  return "reason" in action ? `${what}: ${action.reason}` : what;
};
