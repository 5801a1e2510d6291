// Audit: what was signed last, the proof of a payment or an entry, and what was changed lately.

import { createEffect, createMemo, createSignal, For, Show } from "solid-js";
import { readHead, readKey, readProof, readProofAt } from "../api/audit";
import { stamp, whole } from "../components/format";
import { Loaded } from "../components/loaded";
import { createLoad } from "../state/load";
import { go, route, writeRoute } from "../state/route";
import { Changes } from "./changes";
import { Proof } from "./entry";
import { SignatureMark } from "./signed";
import "../styles/audit.css";

export default function Audit() {
  const head = createLoad(() => true, readHead);
  const key = createLoad(() => true, readKey);
  const payment = () => route().query.get("payment");
  const position = () => route().query.get("position");
  const wanted = createMemo(() =>
    payment() ? { payment: payment()! } : position() ? { position: Number(position()) } : null,
  );
  const proofs = createLoad(wanted, (what) =>
    "payment" in what ? readProof(what.payment!) : readProofAt(what.position),
  );
  const [typed, setTyped] = createSignal("");
  createEffect(() => setTyped(payment() ?? position() ?? ""));
  const look = () => {
    const told = typed().trim();
    if (told) go(writeRoute(["audit"], /^#\d+$/.test(told) ? { position: told.slice(1) } : { payment: told }));
  };

  return (
    <section class="page" aria-labelledby="audit-title">
      <h1 id="audit-title">Audit</h1>
      <div class="two-columns">
        <div class="column">
          <section class="card" aria-labelledby="proof-title">
            <h2 id="proof-title">Prove an entry</h2>
            <form
              class="form-line"
              role="search"
              onSubmit={(event) => {
                event.preventDefault();
                look();
              }}
            >
              <input
                type="search"
                class="grow"
                aria-label="Payment, or # and a log position"
                placeholder="Payment, or # and a log position"
                value={typed()}
                onInput={({ currentTarget: { value } }) => setTyped(value)}
              />
              <button type="submit" class="primary">
                Prove
              </button>
            </form>
            <Show
              when={wanted()}
              fallback={
                <p class="quiet">
                  Every payment, verdict, label, decision and change is a leaf of a Merkle tree whose root is signed.
                  The proof is computed here, in this browser.
                </p>
              }
            >
              <Loaded of={proofs} what="the proof">
                {(told) => <For each={told().proofs}>{(proof) => <Proof proof={proof} signer={key} />}</For>}
              </Loaded>
            </Show>
          </section>
          <section class="card" aria-labelledby="head-title">
            <h2 id="head-title">
              Newest signed head{" "}
              <button type="button" class="bare" onClick={head.reload}>
                Ask again
              </button>
            </h2>
            <Loaded of={head} what="the signed head">
              {(told) => (
                <dl class="facts">
                  <div>
                    <dt>Entries</dt>
                    <dd class="number">{whole(told().head.tree_size)}</dd>
                  </div>
                  <div>
                    <dt>Signed</dt>
                    <dd class="number">{stamp(told().head.at_ms)}</dd>
                  </div>
                  <div>
                    <dt>Log</dt>
                    <dd class="mono">{told().head.log_id}</dd>
                  </div>
                  <div>
                    <dt>Root</dt>
                    <dd class="mono">{told().head.root}</dd>
                  </div>
                  <div>
                    <dt>Signer</dt>
                    <dd class="mono">{told().signer}</dd>
                  </div>
                  <div>
                    <dt>Signature</dt>
                    <dd class="mono">{told().signature}</dd>
                  </div>
                  <Show when={key.value()}>
                    {(told) => (
                      <div>
                        <dt>Public key</dt>
                        <dd class="mono">{told().public_key}</dd>
                      </div>
                    )}
                  </Show>
                  <div>
                    <dt>Checked here</dt>
                    <dd>
                      <SignatureMark of={told()} key={key} />
                    </dd>
                  </div>
                </dl>
              )}
            </Loaded>
            <p class="quiet">
              The key is what this service says of itself: compare it with a copy that is kept elsewhere.{" "}
              <code>fraudnet audit verify DATA --witness heads.jsonl</code> checks a whole log without any service.
            </p>
          </section>
        </div>
        <div class="column">
          <Changes />
        </div>
      </div>
    </section>
  );
}
