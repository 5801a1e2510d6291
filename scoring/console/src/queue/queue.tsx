// The queue: by expected loss and age, for the keyboard first.

import { createEffect, createMemo, createSignal, Index, on, onCleanup, onMount, Show } from "solid-js";
import { Empty, Failed } from "../components/loaded";
import { whole } from "../components/format";
import { bindKeys } from "../state/keyboard";
import { go, route, writeRoute } from "../state/route";
import { recoveries } from "../state/service";
import { may } from "../state/session";
import type { Wish } from "../work/actions";
import { ask, askAll } from "../work/ask";
import { createCases } from "./cases";
import { Chosen } from "./chosen";
import { Figures } from "./figures";
import { readFilter } from "./filter";
import { Filters } from "./filters";
import { Head } from "./head";
import { Row, rowId } from "./row";
import { createSelection } from "./selection";
import { ROW_PX, scrollTo, windowOf } from "./window";
import "../styles/queue.css";

const REFRESH_MS = 20_000;
/** The case one opened last: coming back, one stands on it again. */
let opened: string | null = null;

export default function Queue() {
  const filter = createMemo(() => readFilter(route().query));
  const cases = createCases(filter);
  const selection = createSelection(cases.rows);
  const [scroll, setScroll] = createSignal(0);
  const [viewport, setViewport] = createSignal(600);
  const shown = createMemo(() => windowOf(scroll(), viewport(), cases.rows().length));
  const visible = createMemo(() => cases.rows().slice(shown().first, shown().first + shown().count));
  // The head covers the first line of what is in view.
  const room = () => list.clientHeight - ROW_PX;
  let list!: HTMLDivElement;
  let search: HTMLInputElement | undefined;

  const reload = () => void cases.reload();
  createEffect(
    on(
      () => JSON.stringify(filter()),
      () => {
        selection.clear();
        selection.moveTo(0);
        list.scrollTop = 0;
        reload();
      },
    ),
  );
  createEffect(on(recoveries, reload, { defer: true }));
  createEffect(() => cases.ensure(shown().first + shown().count));
  onMount(() => {
    const sized = new ResizeObserver(() => setViewport(room()));
    sized.observe(list);
    // Only while nobody is in the middle of something: rows must not move under a hand.
    const timer = setInterval(() => {
      const idle = scroll() === 0 && selection.focus() === 0 && selection.targets().length === 0;
      if (idle && !document.hidden && !document.querySelector("dialog[open]")) reload();
    }, REFRESH_MS);
    onCleanup(() => {
      sized.disconnect();
      clearInterval(timer);
    });
    list.focus();
  });

  const move = (to: number) => {
    selection.moveTo(to);
    list.scrollTop = scrollTo(selection.focus(), list.scrollTop, room());
  };
  createEffect(() => {
    if (opened === null || cases.rows().length === 0) return;
    const index = cases.rows().findIndex(({ case_id }) => case_id === opened);
    opened = null;
    // Only once the rows have their place can one scroll to it.
    if (index >= 0) requestAnimationFrame(() => move(index));
  });
  const open = (index: number) => {
    const row = cases.rows()[index];
    if (!row) return;
    opened = row.case_id;
    go(writeRoute(["case", row.case_id]));
  };
  const decide = (wish: Wish) => () => {
    if (!may("work-cases")) return;
    const many = selection.targets();
    const focused = cases.rows()[selection.focus()];
    const done = () => {
      selection.clear();
      reload();
    };
    if (many.length > 1) askAll(wish, many, done);
    else if (many.length === 1) ask(wish, many[0]!, done);
    else if (focused) ask(wish, focused);
  };
  bindKeys("queue", {
    down: () => move(selection.focus() + 1),
    up: () => move(selection.focus() - 1),
    open: () => open(selection.focus()),
    select: () => selection.toggle(selection.focus()),
    "select range": () => selection.extend(selection.focus()),
    clear: selection.clear,
    search: () => search?.focus(),
    refresh: reload,
    approve: decide("false_positive"),
    fraud: decide("confirmed_fraud"),
    inconclusive: decide("inconclusive"),
    escalate: decide("escalate"),
    snooze: decide("snooze"),
    assign: decide("assign"),
  });
  const pick = (index: number) => (event: MouseEvent) => {
    move(index);
    if (event.shiftKey) selection.extend(index);
    else if ((event.target as HTMLElement).closest(".tick") || event.ctrlKey || event.metaKey) selection.toggle(index);
  };

  return (
    <div class="queue">
      <h1 class="unseen">Queue</h1>
      <Show when={cases.figures()}>{(figures) => <Figures figures={figures()} />}</Show>
      <Filters search={(element) => (search = element)} />
      <div
        ref={list}
        class="rows"
        role="grid"
        tabindex="0"
        aria-label="Cases, most pressing first"
        aria-multiselectable="true"
        aria-rowcount={cases.more() ? -1 : cases.rows().length + 1}
        aria-activedescendant={visible().length > 0 ? rowId(selection.focus()) : undefined}
        aria-busy={cases.loading()}
        onScroll={() => setScroll(list.scrollTop)}
      >
        <Head />
        <div class="row-space" role="rowgroup" style={{ height: `${cases.rows().length * ROW_PX}px` }}>
          <div role="presentation" style={{ transform: `translateY(${shown().first * ROW_PX}px)` }}>
            <Index each={visible()}>
              {(row, slot) => {
                const index = () => shown().first + slot;
                return (
                  <Row
                    row={row()}
                    index={index()}
                    focused={index() === selection.focus()}
                    chosen={selection.has(row().case_id)}
                    pick={(event) => pick(index())(event)}
                    open={() => open(index())}
                  />
                );
              }}
            </Index>
          </div>
        </div>
      </div>
      <Show when={cases.error()}>{(error) => <Failed what="the queue" error={error()} retry={reload} />}</Show>
      <Show when={!cases.loading() && !cases.error() && cases.rows().length === 0}>
        <Empty>
          No case matches.{" "}
          {Object.keys(filter()).length > 0 ? (
            <a href="#/queue">Show all open cases</a>
          ) : (
            "Whatever is held for review appears here by itself."
          )}
        </Empty>
      </Show>
      <footer class="under">
        <Show
          when={selection.targets().length > 0}
          fallback={
            <span class="quiet">
              {whole(cases.rows().length)}
              {cases.more() ? " loaded, more below" : " cases"} · <kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> open
              · <kbd>x</kbd> select · <kbd>?</kbd> all keys
            </span>
          }
        >
          <Chosen
            count={selection.targets().length}
            loss={selection.targets().reduce((sum, row) => sum + row.expected_loss_hundredths, 0)}
            decide={decide}
            clear={selection.clear}
          />
        </Show>
      </footer>
    </div>
  );
}
