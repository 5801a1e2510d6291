// Whether the signature of a head holds, as far as it can be told here.

import { Match, Show, Switch } from "solid-js";
import type { AuditKey, SignedHead } from "../api/audit";
import { Mark } from "../components/marks";
import { createLoad, type Load } from "../state/load";
import { checkSignature } from "./signature";

export function SignatureMark(props: { of: SignedHead; key: Load<AuditKey> }) {
  const checked = createLoad(
    () => {
      const key = props.key.value();
      return key && { key, of: props.of };
    },
    ({ key, of }) => checkSignature(of, key),
  );
  return (
    <Show when={!props.key.error()} fallback={<Mark tone="warn" text="signature not checked: no key is told" />}>
      <Switch fallback={<span class="quiet">checking the signature …</span>}>
        <Match when={checked.value() === "holds"}>
          <Mark tone="good" text={`✓ signed by ${props.of.signer}`} />
        </Match>
        <Match when={checked.value() === "fails"}>
          <Mark tone="bad" text={`✕ not signed by ${props.of.signer}`} />
        </Match>
        <Match when={checked.value() === "other key"}>
          <Mark tone="warn" text={`signature not checked: ${props.of.signer} is not the key of today`} />
        </Match>
        <Match when={checked.value() === "unable" || checked.error()}>
          <Mark tone="warn" text="signature not checked: this browser cannot" />
        </Match>
      </Switch>
    </Show>
  );
}
