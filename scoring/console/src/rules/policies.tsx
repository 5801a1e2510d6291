// Policies: versions of rules, which one is in force, and since when.

import { createSignal, For, Show } from "solid-js";
import { describe } from "../api/problem";
import { activatePolicy, type PolicyRow, readPolicies, readPolicy } from "../api/rules";
import { Dialog } from "../components/dialog";
import { percent, stamp } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { DecisionMark, Mark } from "../components/marks";
import { createLoad } from "../state/load";
import { may } from "../state/session";
import { tell } from "../state/toasts";
import { onPublished } from "./published";

export function Policies() {
  const policies = createLoad(() => true, readPolicies);
  const [open, setOpen] = createSignal<string | null>(null);
  const [wanted, setWanted] = createSignal<PolicyRow | null>(null);
  onPublished(policies.reload);
  return (
    <section class="card" aria-labelledby="policies-title">
      <h2 id="policies-title">Policies</h2>
      <Loaded of={policies} what="the policies">
        {(told) => (
          <Show
            when={told().policies.length > 0}
            fallback={<Empty>No policy is published: the model's operating points and the lists decide.</Empty>}
          >
            <ul class="plain policies">
              <For each={told().policies}>
                {(policy) => (
                  <li>
                    <div class="line">
                      <button
                        type="button"
                        class="link"
                        aria-expanded={open() === policy.version}
                        onClick={() => setOpen(open() === policy.version ? null : policy.version)}
                      >
                        {policy.version}
                      </button>
                      <Show when={policy.active}>
                        <Mark tone="good" text="● in force" />
                      </Show>
                      <span class="quiet">
                        {policy.rules} {policy.rules === 1 ? "rule" : "rules"} · {policy.published_by},{" "}
                        {stamp(policy.published_at)} · <code>{policy.digest}</code>
                      </span>
                      <Show when={may("change-policies") && !policy.active}>
                        <button type="button" class="bare" onClick={() => setWanted(policy)}>
                          Bring into force
                        </button>
                      </Show>
                    </div>
                    <Show when={open() === policy.version}>
                      <Rules version={policy.version} />
                    </Show>
                  </li>
                )}
              </For>
            </ul>
            <h3>In force before</h3>
            <ul class="plain">
              <For each={told().history.toReversed()}>
                {(was) => (
                  <li>
                    <span class="number quiet">{stamp(was.at)}</span> {was.version}{" "}
                    <span class="quiet">
                      — {was.reason} ({was.actor})
                    </span>
                  </li>
                )}
              </For>
            </ul>
          </Show>
        )}
      </Loaded>
      <Show when={wanted()} keyed>
        {(policy) => <Activate policy={policy} close={() => setWanted(null)} done={policies.reload} />}
      </Show>
    </section>
  );
}

function Rules(props: { version: string }) {
  const policy = createLoad(() => props.version, readPolicy);
  return (
    <Loaded of={policy} what="the policy">
      {(told) => (
        <>
          <ul class="plain rules">
            <For each={told().document.rules}>
              {(rule) => (
                <li>
                  <div class="line">
                    <strong>{rule.id}</strong> <DecisionMark decision={rule.then} />{" "}
                    <Show when={rule.override}>
                      <Mark tone="warn" text="overrides" />
                    </Show>{" "}
                    <code>{rule.code}</code>
                  </div>
                  <span class="quiet">{rule.text}</span>
                  <pre>{rule.when}</pre>
                </li>
              )}
            </For>
          </ul>
          <Show when={told().document.control_group}>
            {(group) => (
              <p class="quiet">
                Control group: {percent(group().share, 2)} of would-be declines up to {group().max_amount} are let
                through and watched.
              </p>
            )}
          </Show>
        </>
      )}
    </Loaded>
  );
}

function Activate(props: { policy: PolicyRow; close: () => void; done: () => void }) {
  const [reason, setReason] = createSignal("");
  const [refusal, setRefusal] = createSignal("");
  const send = async () => {
    try {
      const { previous } = await activatePolicy(props.policy.version, reason().trim());
      tell(`Policy ${props.policy.version} is in force; before: ${previous}.`, "good");
      props.done();
      props.close();
    } catch (error) {
      setRefusal(describe(error));
    }
  };
  return (
    <Dialog title={`Bring ${props.policy.version} into force`} close={props.close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>From the answer on it decides every payment.</p>
        <label>
          Reason
          <input data-first required value={reason()} onInput={({ currentTarget: { value } }) => setReason(value)} />
        </label>
        <Show when={refusal()}>
          <p class="failed" role="alert">
            ✕ {refusal()}
          </p>
        </Show>
        <footer>
          <button type="button" onClick={() => props.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!reason().trim()}>
            Bring into force
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
