// The head of a case: who it is about, how pressing it is, and every step one may make.

import { type JSX, Show } from "solid-js";
import type { Case } from "../api/cases";
import { hundredths, stamp, whole, words } from "../components/format";
import { Due, Mark, StatusMark } from "../components/marks";
import { exactNow, now } from "../state/clock";
import { bindKeys } from "../state/keyboard";
import { may, me } from "../state/session";
import { referenceCurrency, settings } from "../state/settings";
import type { Wish } from "../work/actions";
import { ask } from "../work/ask";
import { perform } from "../work/perform";

export function Actions(props: { told: Case }) {
  const works = () => may("work-cases");
  const open = () => works() && props.told.stage === "open";
  const awaits = () => may("work-cases") && props.told.stage === "awaiting_approval";
  const mine = () => props.told.lease?.holder === me() && props.told.lease.until_ms > now();
  const wish = (what: Wish) => () => ask(what, props.told);
  const when = (allowed: () => boolean, act: () => void) => () => {
    if (allowed()) act();
  };
  const take = () => void perform(props.told, { kind: mine() ? "release" : "take" });
  const agree = () => void perform(props.told, { kind: "approve" });

  bindKeys("case", {
    approve: when(open, wish("false_positive")),
    fraud: when(open, wish("confirmed_fraud")),
    inconclusive: when(open, wish("inconclusive")),
    escalate: when(open, wish("escalate")),
    snooze: when(open, wish("snooze")),
    assign: when(open, wish("assign")),
    take: when(open, take),
    agree: when(awaits, agree),
    reject: when(awaits, wish("reject")),
  });

  return (
    <header class="case-head">
      <div class="case-facts">
        <h1>{props.told.account}</h1>
        <StatusMark status={props.told.status} />
        <Show when={props.told.escalated}>
          <Mark tone="warn" text="▲ escalated" />
        </Show>
        <Show when={(props.told.snoozed_until_ms ?? 0) > exactNow()}>
          <Mark tone="plain" text={`snoozed until ${stamp(props.told.snoozed_until_ms)}`} />
        </Show>
        <Fact name="Due in">
          <Due row={props.told} />
        </Fact>
        <Fact name="Expected loss">{hundredths(props.told.expected_loss_hundredths, referenceCurrency())}</Fact>
        <Fact name="Amount">{hundredths(props.told.amount_hundredths, referenceCurrency())}</Fact>
        <Fact name="Payments">{whole(props.told.payment_count)}</Fact>
        <Fact name="Held by">
          <Holder told={props.told} mine={mine()} />
        </Fact>
        <Fact name="Case">
          {props.told.case_id} · version {props.told.version}
        </Fact>
      </div>
      <Decided told={props.told} />
      <div class="steps" role="group" aria-label="Steps">
        <Show when={open()}>
          <button type="button" class="good" onClick={wish("false_positive")}>
            ✓ Legitimate <kbd>a</kbd>
          </button>
          <button type="button" class="bad" onClick={wish("confirmed_fraud")}>
            ✕ Fraud <kbd>d</kbd>
          </button>
          <button type="button" onClick={wish("inconclusive")}>
            Inconclusive <kbd>i</kbd>
          </button>
          <button type="button" onClick={wish("escalate")}>
            Escalate <kbd>e</kbd>
          </button>
          <button type="button" onClick={wish("snooze")}>
            Snooze <kbd>s</kbd>
          </button>
          <button type="button" onClick={wish("assign")}>
            Assign <kbd>w</kbd>
          </button>
          <button type="button" onClick={take}>
            {mine() ? "Let go" : "Take"} <kbd>t</kbd>
          </button>
        </Show>
        <Show when={awaits()}>
          <button type="button" class="good" onClick={agree}>
            Approve the decision <kbd>A</kbd>
          </button>
          <button type="button" class="bad" onClick={wish("reject")}>
            Reject it <kbd>R</kbd>
          </button>
        </Show>
        <Show when={props.told.stage === "awaiting_approval" && !may("work-cases")}>
          <span class="quiet">Waits until somebody else approves the decision.</span>
        </Show>
        <Show when={works() && props.told.stage === "closed" && !props.told.merged_into}>
          <button type="button" onClick={wish("reopen")}>
            Reopen
          </button>
        </Show>
        <Show when={open() && needsTwo(props.told.amount_hundredths)}>
          <span class="quiet">
            Above {hundredths(settings()!.four_eyes_above_hundredths!, referenceCurrency())}: a second person must
            approve.
          </span>
        </Show>
        <Show when={!works()}>
          <span class="quiet">You may read this case, not change it.</span>
        </Show>
      </div>
    </header>
  );
}

const needsTwo = (amount: number): boolean => {
  const bound = settings()?.four_eyes_above_hundredths ?? null;
  return bound !== null && amount > bound;
};

function Fact(props: { name: string; children: JSX.Element }) {
  return (
    <span class="fact">
      <span class="quiet">{props.name}</span> <span class="number">{props.children}</span>
    </span>
  );
}

function Holder(props: { told: Case; mine: boolean }) {
  const holder = () => (props.told.lease && props.told.lease.until_ms > now() ? props.told.lease.holder : null);
  return (
    <>
      {props.mine
        ? "● you"
        : holder()
          ? `● ${holder()}`
          : props.told.assignee
            ? `nobody (for ${props.told.assignee})`
            : "nobody"}
    </>
  );
}

function Decided(props: { told: Case }) {
  return (
    <Show when={props.told.decision}>
      {(decision) => (
        <p class="decided">
          <Mark
            tone={
              decision().outcome === "confirmed_fraud"
                ? "bad"
                : decision().outcome === "false_positive"
                  ? "good"
                  : "plain"
            }
            text={words(decision().outcome)}
          />{" "}
          {decision().reason}{" "}
          <span class="quiet">
            — {decision().by}
            {decision().as_lead ? " (lead)" : ""}, {stamp(decision().at_ms)}
            {decision().approved_by ? `, approved by ${decision().approved_by}` : ""}
          </span>
        </p>
      )}
    </Show>
  );
}
