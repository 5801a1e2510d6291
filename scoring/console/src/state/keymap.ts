// Every key the console knows, as data: the dispatcher and the overlay read the same table.

export type Place = "everywhere" | "queue" | "case" | "graph";

export interface KeyRow {
  /** One key as `KeyboardEvent.key` tells it, or two pressed one after the other. */
  keys: string;
  place: Place;
  action: string;
  text: string;
}

export const KEYMAP = [
  { keys: "?", place: "everywhere", action: "keys", text: "Show or hide this list" },
  { keys: "n", place: "everywhere", action: "next", text: "Get the next case: it is yours while the lease runs" },
  { keys: "u", place: "everywhere", action: "undo", text: "Undo the last decision while its countdown runs" },
  { keys: "g q", place: "everywhere", action: "go queue", text: "Go to the queue" },
  { keys: "g r", place: "everywhere", action: "go rings", text: "Go to the rings" },
  { keys: "g l", place: "everywhere", action: "go rules", text: "Go to lists and rules" },
  { keys: "g x", place: "everywhere", action: "go experiments", text: "Go to the experiments" },
  { keys: "g h", place: "everywhere", action: "go health", text: "Go to the health board" },
  { keys: "g p", place: "everywhere", action: "go audit", text: "Go to audit and proofs" },
  { keys: "T", place: "everywhere", action: "theme", text: "Switch between system, light and dark" },
  { keys: "j", place: "queue", action: "down", text: "Next case" },
  { keys: "k", place: "queue", action: "up", text: "Previous case" },
  { keys: "Enter", place: "queue", action: "open", text: "Open the case" },
  { keys: "x", place: "queue", action: "select", text: "Select or deselect the case" },
  { keys: "X", place: "queue", action: "select range", text: "Select everything from the last selected case to here" },
  { keys: "Escape", place: "queue", action: "clear", text: "Select nothing" },
  { keys: "/", place: "queue", action: "search", text: "Search" },
  { keys: "r", place: "queue", action: "refresh", text: "Load the queue again" },
  { keys: "a", place: "queue", action: "approve", text: "Legitimate: a false positive (of all selected cases)" },
  { keys: "d", place: "queue", action: "fraud", text: "Confirm fraud (of all selected cases)" },
  { keys: "i", place: "queue", action: "inconclusive", text: "Close as inconclusive (all selected cases)" },
  { keys: "e", place: "queue", action: "escalate", text: "Escalate to a lead (all selected cases)" },
  { keys: "s", place: "queue", action: "snooze", text: "Snooze (all selected cases)" },
  { keys: "w", place: "queue", action: "assign", text: "Assign to somebody (all selected cases)" },
  { keys: "a", place: "case", action: "approve", text: "Legitimate: a false positive" },
  { keys: "d", place: "case", action: "fraud", text: "Confirm fraud" },
  { keys: "i", place: "case", action: "inconclusive", text: "Close as inconclusive" },
  { keys: "e", place: "case", action: "escalate", text: "Escalate to a lead" },
  { keys: "s", place: "case", action: "snooze", text: "Snooze" },
  { keys: "w", place: "case", action: "assign", text: "Assign to somebody" },
  { keys: "t", place: "case", action: "take", text: "Take the case, or let it go" },
  { keys: "A", place: "case", action: "agree", text: "Second pair of eyes: approve the decision" },
  { keys: "R", place: "case", action: "reject", text: "Second pair of eyes: reject the decision" },
  { keys: "m", place: "case", action: "note", text: "Write a note" },
  { keys: "[", place: "case", action: "previous payment", text: "Previous payment of the case" },
  { keys: "]", place: "case", action: "next payment", text: "Next payment of the case" },
  { keys: "o", place: "graph", action: "expand", text: "Show the neighbours of the chosen entity as they are now" },
  { keys: ",", place: "graph", action: "earlier", text: "Time slider: one connection earlier" },
  { keys: ".", place: "graph", action: "later", text: "Time slider: one connection later" },
] as const satisfies KeyRow[];

type Row = (typeof KEYMAP)[number];
export type ActionOf<P extends Place> = Extract<Row, { place: P }>["action"];

/** What pressing `key` means at `place`, after `prefix` (`g`) if that was pressed before it. */
export function actionFor(place: Place, key: string, prefix = ""): string | undefined {
  const pressed = prefix ? `${prefix} ${key}` : key;
  return KEYMAP.find((row) => row.place === place && row.keys === pressed)?.action;
}

export const isPrefix = (key: string): boolean => KEYMAP.some((row) => row.keys.startsWith(`${key} `));

/** Keys belong to whoever is being typed into. */
export function isTyping(target: { tagName?: string; isContentEditable?: boolean; type?: string } | null): boolean {
  if (!target) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target.tagName === "INPUT" && !["checkbox", "radio", "button", "range"].includes(target.type ?? "");
}
