// The filter bar. Every change is a change of the address.

import { createEffect, createSignal, For } from "solid-js";
import type { CaseFilter } from "../api/cases";
import { me } from "../state/session";
import { go, route, writeRoute } from "../state/route";
import { referenceCurrency } from "../state/settings";
import { tell } from "../state/toasts";
import { readFilter, writeFilter } from "./filter";

const STATUSES: [string, string][] = [
  ["", "Open"],
  ["pending", "Pending"],
  ["investigating", "Investigating"],
  ["awaiting_approval", "Awaiting"],
  ["closed", "Closed"],
];
const TYPING_MS = 300;

export function Filters(props: { search: (element: HTMLInputElement) => void }) {
  const filter = () => readFilter(route().query);
  const [text, setText] = createSignal(filter().text ?? "");
  createEffect(() => setText(filter().text ?? ""));
  let typing: number | undefined;

  const change = (part: Partial<Record<keyof CaseFilter, unknown>>) =>
    go(writeRoute(["queue"], writeFilter({ ...filter(), ...part } as CaseFilter)), { replace: true });
  const type = (told: string) => {
    setText(told);
    clearTimeout(typing);
    typing = window.setTimeout(() => change({ text: told }), TYPING_MS);
  };
  const share = () =>
    navigator.clipboard?.writeText(location.href).then(
      () => tell("Link to this filter copied.", "good"),
      () => tell("The browser did not allow copying; the address bar has the link."),
    );

  return (
    <form
      class="filters"
      role="search"
      aria-label="Filter the queue"
      onSubmit={(event) => {
        event.preventDefault();
        // Back to the rows, where the keys are.
        (document.activeElement as HTMLElement | null)?.blur();
      }}
    >
      <div class="segments" role="group" aria-label="Status">
        <For each={STATUSES}>
          {([status, title]) => (
            <button type="button" aria-pressed={(filter().status ?? "") === status} onClick={() => change({ status })}>
              {title}
            </button>
          )}
        </For>
      </div>
      <label class="inline">
        For
        <select
          value={filter().assignee === undefined ? "*" : filter().assignee === me() ? "me" : filter().assignee}
          onChange={({ currentTarget: { value } }) =>
            change({ assignee: value === "*" ? undefined : value === "me" ? me() : value })
          }
        >
          <option value="*">anyone</option>
          <option value="me">me</option>
          <option value="">nobody</option>
        </select>
      </label>
      <label class="inline">
        Loss from
        <input
          type="number"
          class="short"
          aria-label="Expected loss at least"
          min="0"
          step="50"
          placeholder={referenceCurrency()}
          value={filter().min_loss_hundredths ? filter().min_loss_hundredths! / 100 : ""}
          onChange={({ currentTarget: { value } }) => change({ min_loss_hundredths: Number(value) * 100 })}
        />
      </label>
      <label class="inline">
        <input
          type="checkbox"
          checked={filter().overdue ?? false}
          onChange={({ currentTarget: { checked } }) => change({ overdue: checked })}
        />{" "}
        overdue
      </label>
      <label class="inline">
        <input
          type="checkbox"
          checked={filter().escalated ?? false}
          onChange={({ currentTarget: { checked } }) => change({ escalated: checked })}
        />{" "}
        escalated
      </label>
      <input
        type="search"
        class="grow"
        aria-label="Search account, case or payment"
        placeholder="Account, case or payment  /"
        value={text()}
        ref={(element) => props.search(element)}
        onInput={({ currentTarget: { value } }) => type(value)}
      />
      <button type="button" title="Copy a link to this filter" onClick={() => void share()}>
        Link
      </button>
    </form>
  );
}
