// The payments of a case; the chosen one is what the rest of the page is about.

import { createEffect, For } from "solid-js";
import type { Case } from "../api/cases";
import { hundredths, money, stamp } from "../components/format";
import { LabelMark, Score } from "../components/marks";
import { referenceCurrency } from "../state/settings";

export function Payments(props: { told: Case; chosen: string | undefined; choose: (id: string) => void }) {
  let list!: HTMLDivElement;
  createEffect(() => props.chosen && list.querySelector("tr.current")?.scrollIntoView({ block: "nearest" }));
  return (
    <section class="card" aria-labelledby="payments-title">
      <h2 id="payments-title">
        Payments{" "}
        <span class="quiet">
          {props.told.payment_count > props.told.payments.length
            ? `those ${props.told.payments.length} of ${props.told.payment_count} with the largest expected loss`
            : ""}
        </span>
      </h2>
      <div ref={list} class="scrolls short" tabindex="0" role="group" aria-labelledby="payments-title">
        <table>
          <thead>
            <tr>
              <th scope="col">Payment</th>
              <th scope="col">At</th>
              <th scope="col" class="number">
                Amount
              </th>
              <th scope="col">Score</th>
              <th scope="col" class="number">
                Exp. loss {referenceCurrency()}
              </th>
              <th scope="col">Label</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.told.payments.toReversed()}>
              {(payment) => (
                <tr
                  classList={{ current: payment.transaction_id === props.chosen }}
                  onClick={() => props.choose(payment.transaction_id)}
                >
                  <th scope="row">
                    <button type="button" class="link" aria-pressed={payment.transaction_id === props.chosen}>
                      {payment.transaction_id}
                    </button>
                  </th>
                  <td class="time">{stamp(payment.at_ms)}</td>
                  <td class="number">{money(payment.amount_minor, payment.currency)}</td>
                  <td>
                    <Score value={payment.fraud_probability} />
                  </td>
                  <td class="number">{hundredths(payment.expected_loss_hundredths)}</td>
                  <td>
                    <LabelMark label={payment.label} />
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </section>
  );
}
