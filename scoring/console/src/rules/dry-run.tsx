// What would this rule have done? Asked of the log before anybody meets it.

import { createSignal, For, onCleanup, Show } from "solid-js";
import { describe, Problem } from "../api/problem";
import { type Decision, type DryRun, readDryRun, type Rule, startDryRun, stopDryRun } from "../api/rules";
import { percent } from "../components/format";
import { keepDraft, readDraft } from "../state/drafts";
import { may } from "../state/session";
import { Publish } from "./publish";
import { Report } from "./report";

const DECISIONS: Decision[] = ["review", "decline", "challenge", "approve"];
const DAYS = [1, 7, 30];
const POLL_MS = 700;
const DAY_MS = 86_400_000;
const DRAFT = "rule";
const FIRST: Rule = {
  id: "large-abroad",
  code: "LARGE_ABROAD",
  text: "a large payment from abroad",
  when: "amount >= 600.0 && ip_country != null && ip_country != account_country",
  then: "review",
};

export function DryRunPanel() {
  const [rule, setRule] = createSignal<Rule>(restore());
  const [days, setDays] = createSignal(30);
  const [run, setRun] = createSignal<DryRun | null>(null);
  const [tried, setTried] = createSignal<Rule | null>(null);
  const [refusal, setRefusal] = createSignal<unknown>();
  let timer: number | undefined;
  onCleanup(() => clearTimeout(timer));

  const change = (part: Partial<Rule>) => {
    setRule((before) => ({ ...before, ...part }));
    keepDraft(DRAFT, JSON.stringify(rule()));
  };
  const follow = (state: DryRun) => {
    setRun(state);
    if (state.state === "running") timer = window.setTimeout(() => readDryRun().then(follow, setRefusal), POLL_MS);
  };
  const start = async () => {
    setRefusal(undefined);
    setRun(null);
    setTried(rule());
    try {
      follow(await startDryRun(rule(), new Date(Date.now() - days() * DAY_MS).toISOString()));
    } catch (error) {
      setRefusal(() => error);
    }
  };
  const running = () => run()?.state === "running";

  return (
    <section class="card" aria-labelledby="dry-title">
      <h2 id="dry-title">
        Try a rule <span class="quiet">on payments of the past; nothing is decided by it</span>
      </h2>
      <form
        class="rule-form"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <label>
          Id
          <input required value={rule().id} onInput={({ currentTarget: { value } }) => change({ id: value })} />
        </label>
        <label>
          Code
          <input required value={rule().code} onInput={({ currentTarget: { value } }) => change({ code: value })} />
        </label>
        <label>
          Then
          <select value={rule().then} onChange={({ currentTarget: { value } }) => change({ then: value as Decision })}>
            <For each={DECISIONS}>{(decision) => <option>{decision}</option>}</For>
          </select>
        </label>
        <label>
          Over
          <select value={days()} onChange={({ currentTarget: { value } }) => setDays(Number(value))}>
            <For each={DAYS}>
              {(count) => <option value={count}>{count === 1 ? "the last day" : `${count} days`}</option>}
            </For>
          </select>
        </label>
        <label class="all">
          Text
          <input required value={rule().text} onInput={({ currentTarget: { value } }) => change({ text: value })} />
        </label>
        <label class="all">
          When <span class="quiet">(CEL)</span>
          <textarea
            class="mono"
            rows="3"
            required
            spellcheck={false}
            value={rule().when}
            onInput={({ currentTarget: { value } }) => change({ when: value })}
          />
        </label>
        <div class="all line">
          <button type="submit" class="primary" disabled={!may("try-policies") || running()}>
            What would it have done?
          </button>
          <Show when={running()}>
            <progress max="1" value={run()!.progress} aria-label="Progress of the dry run" />{" "}
            <span class="number">{percent(run()!.progress, 0)}</span>
            <button type="button" onClick={() => void stopDryRun().catch(setRefusal)}>
              Stop
            </button>
          </Show>
        </div>
      </form>
      <Show when={refusal()}>{(error) => <Refusal error={error()} />}</Show>
      <Show when={run()?.error}>
        {(error) => (
          <p class="failed" role="alert">
            ✕ {error()}
          </p>
        )}
      </Show>
      <Show when={run()?.report}>
        {(report) => (
          <>
            <Report report={report()} />
            <Publish rule={tried()!} />
          </>
        )}
      </Show>
    </section>
  );
}

function Refusal(props: { error: unknown }) {
  const fields = () => (props.error instanceof Problem ? props.error.errors : []);
  return (
    <div class="failed" role="alert">
      <For each={fields()} fallback={<span>✕ {describe(props.error)}</span>}>
        {({ field, reason }) => (
          <span>
            ✕ <code>{field}</code> {reason}
          </span>
        )}
      </For>
    </div>
  );
}

function restore(): Rule {
  try {
    return { ...FIRST, ...(JSON.parse(readDraft(DRAFT) || "{}") as Partial<Rule>) };
  } catch {
    return FIRST;
  }
}
