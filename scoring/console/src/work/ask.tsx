// Asks why (or until when) before a step is made. A digit chooses and goes on; other words can be typed.

import { createSignal, For, Show } from "solid-js";
import type { CaseAction, CaseRow } from "../api/cases";
import { stamp } from "../components/format";
import { Dialog } from "../components/dialog";
import { exactNow } from "../state/clock";
import { keepDraft, readDraft } from "../state/drafts";
import { me } from "../state/session";
import { settings } from "../state/settings";
import { pauses, QUESTIONS, toAction, type Wish } from "./actions";
import { type BulkTarget, setBulk } from "./bulk";
import { conflict, perform } from "./perform";

interface Asked {
  wish: Wish;
  targets: BulkTarget[];
  /** The case as it was seen, where it is about one alone. */
  one: CaseRow | null;
  done?: () => void;
}

const [asked, setAsked] = createSignal<Asked | null>(null);

/** Asks about one case. */
export function ask(wish: Wish, one: CaseRow, done?: () => void): void {
  setAsked({ wish, targets: [one], one, ...(done && { done }) });
}

/** Asks about several, and shows first what it would do. */
export function askAll(wish: Wish, targets: BulkTarget[], done?: () => void): void {
  setAsked({ wish, targets, one: null, ...(done && { done }) });
}

export function AskDialog() {
  return (
    <Show when={asked()} keyed>
      {(question) => <Question {...question} />}
    </Show>
  );
}

function Question(props: Asked) {
  const { title, verb } = QUESTIONS[props.wish];
  const about = `decision.${props.targets[0]!.case_id}`;
  const takesNote =
    props.wish === "false_positive" || props.wish === "confirmed_fraud" || props.wish === "inconclusive";
  const [reason, setReason] = createSignal("");
  const [note, setNote] = createSignal(takesNote ? readDraft(about) : "");
  const [busy, setBusy] = createSignal(false);
  const [unsent, setUnsent] = createSignal(false);

  const options = optionsOf(props.wish, () => note().trim());

  const answer = async (action: CaseAction) => {
    if (busy()) return;
    if (!props.one) {
      setAsked(null);
      setBulk({ targets: props.targets, action, ...(props.done && { done: props.done }) });
      return;
    }
    setBusy(true);
    setUnsent(false);
    const made = await perform(props.one, action);
    setBusy(false);
    if (made) {
      keepDraft(about, "");
      props.done?.();
    }
    // What could not even be sent stays on the screen as it was typed.
    if (made || conflict()) setAsked(null);
    else setUnsent(true);
  };

  const onKey = (event: KeyboardEvent) => {
    const typing = ["TEXTAREA", "INPUT"].includes((event.target as HTMLElement).tagName);
    const option = options[Number(event.key) - 1];
    if (typing || !option || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    void answer(option.action());
  };

  return (
    <Dialog title={title} close={() => setAsked(null)} onKey={onKey}>
      <p class="quiet">
        {props.one ? `Account ${props.one.account}` : `${props.targets.length} cases`}
      </p>
      <Show when={unsent()}>
        <p class="failed" role="alert">
          Not done. What you typed is kept; try again.
        </p>
      </Show>
      <ol class="options">
        <For each={options}>
          {(option, index) => (
            <li>
              <button
                type="button"
                data-first={index() === 0 ? "" : undefined}
                disabled={busy()}
                onClick={() => void answer(option.action())}
              >
                <kbd>{index() + 1}</kbd> {option.text} <span class="quiet">{option.hint}</span>
              </button>
            </li>
          )}
        </For>
      </ol>
      <Show when={props.wish !== "snooze"}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (reason().trim())
              void answer(toAction(props.wish as Exclude<Wish, "snooze">, reason().trim(), note().trim()));
          }}
        >
          <Show when={takesNote}>
            <label>
              Note for the file (optional; goes with any answer)
              <textarea
                rows="2"
                value={note()}
                onInput={(event) => {
                  setNote(event.currentTarget.value);
                  keepDraft(about, event.currentTarget.value);
                }}
              />
            </label>
          </Show>
          <label>
            {props.wish === "assign" ? "Somebody else, by name" : "Another reason"}
            <input
              type="text"
              maxlength="200"
              value={reason()}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          <footer>
            <button type="button" onClick={() => setAsked(null)}>
              Cancel <kbd>Esc</kbd>
            </button>
            <button type="submit" class="primary" disabled={busy() || !reason().trim()}>
              {verb}
            </button>
          </footer>
        </form>
      </Show>
    </Dialog>
  );
}

interface Option {
  text: string;
  hint?: string;
  action: () => CaseAction;
}

/** What a digit can choose. */
function optionsOf(wish: Wish, note: () => string): Option[] {
  if (wish === "snooze") {
    return pauses(exactNow(), settings()?.max_snooze_days ?? 7).map(({ text, until_ms }) => ({
      text,
      hint: stamp(until_ms),
      action: () => ({ kind: "snooze", until_ms }),
    }));
  }
  if (wish === "assign") {
    return [
      { text: "Me", hint: me(), action: () => ({ kind: "assign", to: me() }) },
      { text: "Nobody", action: () => ({ kind: "assign", to: null }) },
    ];
  }
  return QUESTIONS[wish].presets.map((text) => ({ text, action: () => toAction(wish, text, note()) }));
}
