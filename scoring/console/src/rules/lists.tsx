// Block, allow and watch lists.

import { createSignal, For, Show } from "solid-js";
import type { EntityKind } from "../api/evidence";
import { describe } from "../api/problem";
import { type Listed, type ListName, putOnList, readLists, takeOffList } from "../api/rules";
import { stamp } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { Mark } from "../components/marks";
import { createLoad } from "../state/load";
import { go, route, writeRoute } from "../state/route";
import { may } from "../state/session";
import { tell } from "../state/toasts";

const TONES = { block: "bad", allow: "good", watch: "warn" } as const;
const NAMES: ListName[] = ["block", "allow", "watch"];
const KINDS: EntityKind[] = ["account", "device", "ip", "merchant"];

export function Lists() {
  const list = () => NAMES.find((name) => name === route().query.get("list"));
  const entries = createLoad(
    () => ({ list: list() }),
    (wanted) => readLists(wanted.list),
  );
  const show = (name?: ListName) => go(writeRoute(["rules"], name ? { list: name } : {}), { replace: true });
  const takeOff = async (entry: Listed) => {
    try {
      await takeOffList(entry.list, entry.kind, entry.id);
      tell(`${entry.kind} ${entry.id} is off the ${entry.list} list.`, "good");
      entries.reload();
    } catch (error) {
      tell(describe(error), "bad");
    }
  };
  return (
    <section class="card" aria-labelledby="lists-title">
      <h2 id="lists-title">Lists</h2>
      <div class="segments" role="group" aria-label="Which list">
        <button type="button" aria-pressed={!list()} onClick={() => show()}>
          All
        </button>
        <For each={NAMES}>
          {(name) => (
            <button type="button" aria-pressed={list() === name} onClick={() => show(name)}>
              {name}
            </button>
          )}
        </For>
      </div>
      <Show when={may("change-lists")}>
        <PutOn done={entries.reload} />
      </Show>
      <Loaded of={entries} what="the lists">
        {(told) => (
          <Show
            when={told().entries.length > 0}
            fallback={<Empty>Nothing is listed. Block declines, allow approves, watch holds for an analyst.</Empty>}
          >
            <div class="scrolls tall" tabindex="0" role="group" aria-labelledby="lists-title">
              <table>
                <thead>
                  <tr>
                    <th scope="col">List</th>
                    <th scope="col">Entity</th>
                    <th scope="col">Reason</th>
                    <th scope="col">By</th>
                    <th scope="col">Until</th>
                    <th scope="col">
                      <span class="unseen">Steps</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  <For each={told().entries}>
                    {(entry) => (
                      <tr>
                        <td>
                          <Mark tone={TONES[entry.list]} text={entry.list} />
                        </td>
                        <th scope="row">
                          <span class="quiet">{entry.kind}</span> <span class="id">{entry.id}</span>
                        </th>
                        <td>{entry.reason}</td>
                        <td title={stamp(entry.at)}>{entry.actor}</td>
                        <td class="time">{entry.expires_at ? stamp(entry.expires_at).slice(0, 10) : "for good"}</td>
                        <td>
                          <Show when={may("change-lists")}>
                            <button type="button" class="bare" onClick={() => void takeOff(entry)}>
                              Take off
                            </button>
                          </Show>
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </div>
            <Show when={told().next}>
              <p class="quiet">The first {told().entries.length}; `fraudnet lists show` tells all.</p>
            </Show>
          </Show>
        )}
      </Loaded>
    </section>
  );
}

function PutOn(props: { done: () => void }) {
  const [refusal, setRefusal] = createSignal("");
  const given = (name: string) => route().query.get(name) ?? "";
  const send = async (form: HTMLFormElement) => {
    const told = new FormData(form);
    const text = (name: string) => String(told.get(name) ?? "").trim();
    setRefusal("");
    try {
      const until = text("until");
      await putOnList(
        text("list") as ListName,
        text("kind") as EntityKind,
        text("id"),
        text("reason"),
        until ? new Date(`${until}T23:59:59`).toISOString() : null,
      );
      tell(`${text("kind")} ${text("id")} is on the ${text("list")} list.`, "good");
      form.reset();
      props.done();
    } catch (error) {
      setRefusal(describe(error));
    }
  };
  return (
    <form
      class="form-line"
      onSubmit={(event) => {
        event.preventDefault();
        void send(event.currentTarget);
      }}
    >
      <select name="list" aria-label="List">
        <For each={NAMES}>{(name) => <option>{name}</option>}</For>
      </select>
      <select name="kind" aria-label="Kind of entity" value={given("kind") || "account"}>
        <For each={KINDS}>{(kind) => <option>{kind}</option>}</For>
      </select>
      <input name="id" class="grow" required aria-label="Identifier" placeholder="Identifier" value={given("id")} />
      <input name="reason" class="grow" required aria-label="Reason" placeholder="Reason" />
      <input name="until" type="date" aria-label="Until; for good where empty" title="Until; for good where empty" />
      <button type="submit">Put on the list</button>
      <Show when={refusal()}>
        <p class="failed" role="alert">
          ✕ {refusal()}
        </p>
      </Show>
    </form>
  );
}
