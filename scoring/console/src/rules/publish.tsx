// Publishes the tried rule as a new version of the policy in force. It decides nothing until it is brought into force.

import { createSignal, Show } from "solid-js";
import { describe } from "../api/problem";
import { type PolicyDocument, publishPolicy, readPolicies, readPolicy, type Rule } from "../api/rules";
import { may } from "../state/session";
import { tell } from "../state/toasts";
import { published } from "./published";

export function Publish(props: { rule: Rule }) {
  const [version, setVersion] = createSignal("");
  const [refusal, setRefusal] = createSignal("");
  const send = async () => {
    setRefusal("");
    try {
      const told = await publishPolicy(withRule(await inForce(), props.rule, version().trim()));
      tell(`Policy ${told.version} is published. It decides nothing until it is brought into force.`, "good");
      setVersion("");
      published();
    } catch (error) {
      setRefusal(describe(error));
    }
  };
  return (
    <Show when={may("change-policies")}>
      <form
        class="form-line"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label class="inline grow">
          Publish with the rules in force, as version
          <input
            required
            value={version()}
            placeholder="2026-11-22"
            onInput={({ currentTarget: { value } }) => setVersion(value)}
          />
        </label>
        <button type="submit" disabled={!version().trim()}>
          Publish
        </button>
        <Show when={refusal()}>
          <p class="failed" role="alert">
            ✕ {refusal()}
          </p>
        </Show>
      </form>
    </Show>
  );
}

async function inForce(): Promise<PolicyDocument | null> {
  const { active } = await readPolicies();
  return active === "none" ? null : (await readPolicy(active)).document;
}

/** The document with the rule in it, in the place of one with the same id. */
function withRule(before: PolicyDocument | null, rule: Rule, version: string): PolicyDocument {
  const others = (before?.rules ?? []).filter(({ id }) => id !== rule.id);
  return { ...(before?.control_group && { control_group: before.control_group }), version, rules: [...others, rule] };
}
