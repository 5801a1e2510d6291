// Rings, the largest expected loss first.

import { For, Show } from "solid-js";
import { listRings } from "../api/rings";
import { hundredths, span, stamp, whole } from "../components/format";
import { Empty, Loaded } from "../components/loaded";
import { Mark } from "../components/marks";
import { now } from "../state/clock";
import { createLoad } from "../state/load";
import { writeRoute } from "../state/route";
import { referenceCurrency } from "../state/settings";
import "../styles/rings.css";

const MOST = 100;

export default function Rings() {
  const rings = createLoad(() => MOST, listRings);
  return (
    <section class="page rings" aria-labelledby="rings-title">
      <h1 id="rings-title">
        Rings <span class="quiet">accounts that devices, addresses and receivers tie together</span>
      </h1>
      <Loaded of={rings} what="the rings">
        {(told) => (
          <Show
            when={told().rings.length > 0}
            fallback={
              <Empty>No ring is known. They appear here as soon as risky accounts share a device or an address.</Empty>
            }
          >
            <div class="scrolls card" tabindex="0" role="group" aria-labelledby="rings-title">
              <table>
                <thead>
                  <tr>
                    <th scope="col" class="number">
                      #
                    </th>
                    <th scope="col">Ring</th>
                    <th scope="col" class="number">
                      Score
                    </th>
                    <th scope="col" class="number">
                      Accounts
                    </th>
                    <th scope="col">New in 7 days</th>
                    <th scope="col" class="number">
                      Devices
                    </th>
                    <th scope="col" class="number">
                      Addresses
                    </th>
                    <th scope="col" class="number">
                      Payments
                    </th>
                    <th scope="col">Reported</th>
                    <th scope="col" class="number">
                      Amount {referenceCurrency()}
                    </th>
                    <th scope="col" class="number">
                      Exp. loss
                    </th>
                    <th scope="col">Open cases</th>
                    <th scope="col">Last payment</th>
                  </tr>
                </thead>
                <tbody>
                  <For each={told().rings}>
                    {(ring) => (
                      <tr>
                        <td class="number">{ring.rank}</td>
                        <th scope="row">
                          <a href={writeRoute(["rings", ring.ring_id])}>{ring.ring_id}</a>
                        </th>
                        <td class="number">{ring.score.toFixed(2)}</td>
                        <td class="number">{whole(ring.accounts)}</td>
                        <td>
                          <Growth more={ring.growth_accounts_7d} />
                        </td>
                        <td class="number">{whole(ring.devices)}</td>
                        <td class="number">{whole(ring.ips)}</td>
                        <td class="number">{whole(ring.payments)}</td>
                        <td>
                          <Show when={ring.reported > 0} fallback={<span class="quiet">none</span>}>
                            <Mark tone="bad" text={`✕ ${whole(ring.reported)}`} />
                          </Show>
                        </td>
                        <td class="number">{hundredths(ring.amount_hundredths)}</td>
                        <td class="number">{hundredths(ring.expected_loss_hundredths)}</td>
                        <td>
                          <Show when={ring.open_cases > 0} fallback={<span class="quiet">none</span>}>
                            <Mark tone="warn" text={`${ring.open_cases} open`} />
                          </Show>
                        </td>
                        <td class="time" title={stamp(ring.last_at_ms)}>
                          {span(now() - ring.last_at_ms)} ago
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </div>
            <p class="quiet">As of log position {whole(told().as_of_position)}.</p>
          </Show>
        )}
      </Loaded>
    </section>
  );
}

function Growth(props: { more: number }) {
  return (
    <Show when={props.more > 0} fallback={<span class="quiet">0</span>}>
      <span class="number grows">▲ {whole(props.more)}</span>
    </Show>
  );
}
