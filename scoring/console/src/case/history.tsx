// What else the four parties of the payment did.

import { createMemo, createSignal, For, Show } from "solid-js";
import { type EntityKind, type EntityPayment, readPayments } from "../api/evidence";
import { money, stamp } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { DecisionMark, LabelMark, Score } from "../components/marks";
import { createLoad } from "../state/load";

const MOST = 50;
const KINDS: EntityKind[] = ["account", "device", "ip", "merchant"];

export function History(props: { account: string; transaction: string | undefined }) {
  const [kind, setKind] = createSignal<EntityKind>("account");
  // Who else took part is told by the account's own payments.
  const own = createLoad(
    () => props.account,
    (id) => readPayments("account", id, MOST),
  );
  const payment = createMemo(() =>
    own.value()?.payments.find(({ transaction_id }) => transaction_id === props.transaction),
  );
  const id = (of: EntityKind) => (of === "account" ? props.account : payment()?.[of]);
  const others = createLoad(
    createMemo(() => (kind() !== "account" && id(kind()) ? `${kind()}\n${id(kind())}` : null)),
    (key) => readPayments(kind(), key.slice(kind().length + 1), MOST),
  );
  const shown = () => (kind() === "account" ? own : others);

  return (
    <section class="card" aria-labelledby="history-title">
      <h2 id="history-title">History</h2>
      <div class="segments" role="group" aria-label="Whose history">
        <For each={KINDS}>
          {(of) => (
            <button type="button" aria-pressed={kind() === of} disabled={!id(of)} onClick={() => setKind(of)}>
              {of} <span class="quiet">{id(of) ?? "none"}</span>
            </button>
          )}
        </For>
      </div>
      <Loaded of={shown()} what={`payments of the ${kind()}`}>
        {(told) => <Table payments={told().payments} current={props.transaction} kind={kind()} />}
      </Loaded>
    </section>
  );
}

function Table(props: { payments: EntityPayment[]; current: string | undefined; kind: EntityKind }) {
  // Where money goes from account to account, both are told: an account's payments are those it made and those it received.
  const transfers = () => props.payments.some(({ counterparty }) => counterparty);
  const columns = () => [
    ...KINDS.filter((kind) => kind !== props.kind || (kind === "account" && transfers())),
    ...(transfers() ? (["counterparty"] as const) : []),
  ];
  return (
    <Show when={props.payments.length > 0} fallback={<Empty>No payments are remembered.</Empty>}>
      <div class="scrolls tall" tabindex="0" role="group" aria-labelledby="history-title">
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col" class="number">
                Amount
              </th>
              <For each={columns()}>
                {(column) => <th scope="col">{column === "counterparty" ? "receiver" : column}</th>}
              </For>
              <th scope="col">Decision</th>
              <th scope="col">Score</th>
              <th scope="col">Label</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.payments}>
              {(payment) => (
                <tr classList={{ current: payment.transaction_id === props.current }} title={payment.transaction_id}>
                  <td class="time">{stamp(payment.at_ms)}</td>
                  <td class="number">{money(payment.amount_minor, payment.currency)}</td>
                  <For each={columns()}>
                    {(kind) => (
                      <td class="id short" title={payment[kind] ?? ""}>
                        {payment[kind] ?? "–"}
                      </td>
                    )}
                  </For>
                  <td>
                    <DecisionMark decision={payment.decision} />
                  </td>
                  <td>
                    <Show when={payment.fraud_probability !== null}>
                      <Score value={payment.fraud_probability!} />
                    </Show>
                  </td>
                  <td>
                    <LabelMark label={payment.label} />
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </Show>
  );
}
