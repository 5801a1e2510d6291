// One entry with its proof.

import { Show } from "solid-js";
import type { AuditKey, EntryProof } from "../api/audit";
import { whole } from "../components/format";
import { Mark } from "../components/marks";
import { createLoad, type Load } from "../state/load";
import { tell } from "../state/toasts";
import { holds, readEntry } from "./proof";
import { SignatureMark } from "./signed";

export function Proof(props: { proof: EntryProof; signer: Load<AuditKey> }) {
  // Outside of https and loopback the browser offers no hashing.
  const possible = () => globalThis.crypto?.subtle !== undefined;
  const sound = createLoad(() => (possible() ? props.proof : null), holds);
  const copy = () =>
    navigator.clipboard?.writeText(JSON.stringify({ proofs: [props.proof] })).then(
      () => tell("Proof copied: `fraudnet audit check` reads it.", "good"),
      () => tell("The browser did not allow copying.", "bad"),
    );
  return (
    <article class="proof">
      <header class="line">
        <strong class="number">#{whole(props.proof.position)}</strong>
        <Show when={possible()} fallback={<Mark tone="warn" text="not checked: this page needs https" />}>
          <Show when={sound.value() !== undefined} fallback={<span class="quiet">checking …</span>}>
            <Show when={sound.value()} fallback={<Mark tone="bad" text="✕ does not lead to the signed root" />}>
              <Mark tone="good" text="✓ leads to the signed root" />
            </Show>
          </Show>
        </Show>
        <SignatureMark of={props.proof.head} key={props.signer} />
        <span class="quiet">
          {props.proof.inclusion.path.length} steps, tree of {whole(props.proof.inclusion.tree_size)}
        </span>
        <button type="button" class="bare" onClick={() => void copy()}>
          Copy the proof
        </button>
      </header>
      <pre class="scrolls" tabindex="0" role="region" aria-label={`Entry ${props.proof.position}`}>
        {readEntry(props.proof.entry)}
      </pre>
    </article>
  );
}
