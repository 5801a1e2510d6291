// Before many cases change at once: how many would, how many would be refused and why, and what follows.

import { createSignal, For, Show } from "solid-js";
import { type BulkPreview, type CaseAction, type CaseTarget, previewBulk } from "../api/cases";
import { Dialog } from "../components/dialog";
import { hundredths, whole, words } from "../components/format";
import { Loaded } from "../components/loaded";
import { createLoad } from "../state/load";
import { referenceCurrency } from "../state/settings";
import { wishWords } from "./actions";
import { performAll } from "./perform";

export type BulkTarget = CaseTarget & { expected_loss_hundredths?: number };

interface Bulk {
  targets: BulkTarget[];
  action: CaseAction;
  done?: () => void;
}

const [planned, setBulk] = createSignal<Bulk | null>(null);
export { setBulk };

export function BulkDialog() {
  return (
    <Show when={planned()} keyed>
      {(bulk) => <Preview {...bulk} />}
    </Show>
  );
}

function Preview(props: Bulk) {
  const preview = createLoad(
    () => props,
    ({ targets, action }) => previewBulk(targets, action),
  );
  const [busy, setBusy] = createSignal(false);
  // Told where every one of them tells its own.
  const loss = () => {
    const losses = props.targets.flatMap(({ expected_loss_hundredths }) => expected_loss_hundredths ?? []);
    return losses.length === props.targets.length ? losses.reduce((sum, one) => sum + one, 0) : null;
  };
  const act = async () => {
    setBusy(true);
    if (await performAll(props.targets, props.action)) props.done?.();
    setBulk(null);
  };
  return (
    <Dialog title={`${whole(props.targets.length)} cases: ${wishWords(props.action)}`} close={() => setBulk(null)}>
      <Loaded of={preview} what="what this would do">
        {(told) => <Told preview={told()} loss={loss()} />}
      </Loaded>
      <footer>
        <button type="button" data-first onClick={() => setBulk(null)}>
          Cancel <kbd>Esc</kbd>
        </button>
        <button
          type="button"
          class="primary"
          disabled={busy() || !preview.value()?.accepted}
          onClick={() => void act()}
        >
          Go on with {whole(preview.value()?.accepted ?? 0)}
        </button>
      </footer>
    </Dialog>
  );
}

function Told(props: { preview: BulkPreview; loss: number | null }) {
  return (
    <dl class="facts">
      <div>
        <dt>Would be done</dt>
        <dd class="number">
          <strong>{whole(props.preview.accepted)}</strong>
        </dd>
      </div>
      <For each={Object.entries(props.preview.refused)}>
        {([code, count]) => (
          <div>
            <dt>Refused: {words(code)}</dt>
            <dd class="number">{whole(count)}</dd>
          </div>
        )}
      </For>
      <div>
        <dt>Labels that training would learn from</dt>
        <dd class="number">{whole(props.preview.labels)}</dd>
      </div>
      <div>
        <dt>Would wait for a second pair of eyes</dt>
        <dd class="number">{whole(props.preview.awaiting_approval)}</dd>
      </div>
      <Show when={props.loss !== null}>
        <div>
          <dt>Expected loss of all chosen</dt>
          <dd class="number">{hundredths(props.loss!, referenceCurrency())}</dd>
        </div>
      </Show>
    </dl>
  );
}
