// One ring: who belongs to it, how it grew, what it moved, and one decision for all of its open cases.

import { createMemo, createSignal, lazy, Show, Suspense } from "solid-js";
import { type Ring, readRing } from "../api/rings";
import type { GraphNode } from "../api/evidence";
import { Chart } from "../components/chart";
import { compact, hundredths, stamp, whole } from "../components/format";
import { Loaded } from "../components/loaded";
import { createLoad } from "../state/load";
import { referenceCurrency } from "../state/settings";
import { Members } from "./members";
import { RingSteps } from "./steps";
import "../styles/case.css";
import "../styles/rings.css";

const Graph = lazy(() => import("../graph/view").then(({ GraphView }) => ({ default: GraphView })));

/** What a ring shares stands in the middle, whoever shares it around. */
const ringOf = (node: GraphNode): number => (node.kind === "account" ? 1 : node.kind === "merchant" ? 2 : 0);

export default function RingPage(props: { id: string }) {
  const ring = createLoad(() => props.id, readRing);
  return (
    <Loaded of={ring} what="the ring">
      {(told) => <Sheet ring={told()} reload={ring.reload} />}
    </Loaded>
  );
}

function Sheet(props: { ring: Ring; reload: () => void }) {
  const [chosen, setChosen] = createSignal<number | null>(null);
  const chosenMember = createMemo(() => {
    const node = props.ring.nodes[chosen() ?? -1];
    return node && `${node.kind}:${node.id}`;
  });
  const choose = (kind: string, id: string) => {
    const index = props.ring.nodes.findIndex((node) => node.kind === kind && node.id === id);
    setChosen(index < 0 ? null : index);
  };
  const days = createMemo(() => props.ring.growth.map(({ at_ms }) => at_ms / 1_000));
  return (
    <article class="page ring">
      <header class="case-head">
        <div class="case-facts">
          <h1>Ring {props.ring.ring_id}</h1>
          <span class="fact">
            <span class="quiet">Rank</span> <span class="number">{props.ring.rank}</span>
          </span>
          <span class="fact">
            <span class="quiet">Score</span> <span class="number">{props.ring.score.toFixed(2)}</span>
          </span>
          <span class="fact">
            <span class="quiet">Members</span>{" "}
            <span class="number">
              {whole(props.ring.accounts)} accounts, {whole(props.ring.devices)} devices, {whole(props.ring.ips)}{" "}
              addresses
            </span>
          </span>
          <span class="fact">
            <span class="quiet">Payments</span>{" "}
            <span class="number">
              {props.ring.is_whole ? "" : "at least "}
              {whole(props.ring.payments)}, {whole(props.ring.reported)} reported, {whole(props.ring.held)} held
            </span>
          </span>
          <span class="fact">
            <span class="quiet">Amount</span>{" "}
            <span class="number">{hundredths(props.ring.amount_hundredths, referenceCurrency())}</span>
          </span>
          <span class="fact">
            <span class="quiet">Expected loss</span>{" "}
            <span class="number">{hundredths(props.ring.expected_loss_hundredths, referenceCurrency())}</span>
          </span>
          <span class="fact">
            <span class="quiet">Seen</span>{" "}
            <span class="number">
              {stamp(props.ring.first_at_ms)} – {stamp(props.ring.last_at_ms)}
            </span>
          </span>
        </div>
        <RingSteps ring={props.ring} done={props.reload} />
      </header>
      <div class="case-columns">
        <div class="case-main">
          <section class="card" aria-labelledby="ring-graph">
            <h2 id="ring-graph">What they share</h2>
            <Show when={props.ring} keyed>
              {(ring) => (
                <Suspense
                  fallback={
                    <p class="loading" aria-busy="true">
                      Loading the graph …
                    </p>
                  }
                >
                  <Graph
                    graph={ring}
                    ringOf={ringOf}
                    chosen={chosen()}
                    choose={setChosen}
                    label={`Graph of the ring's ${ring.nodes.length} entities; the table of members holds the same`}
                  />
                </Suspense>
              )}
            </Show>
          </section>
          <Members members={props.ring.members} leftOut={props.ring.members_left_out} chosen={chosenMember()} choose={choose} />
        </div>
        <div class="case-side">
          <section class="card">
            <h2>Growth</h2>
            <Chart
              title="Accounts that came, a day"
              at_s={days()}
              days
              height={150}
              lines={[
                { name: "accounts", colour: "accent", values: props.ring.growth.map(({ accounts }) => accounts) },
              ]}
            />
            <Chart
              title={`Amount a day${referenceCurrency() && `, ${referenceCurrency()}`}`}
              at_s={days()}
              days
              height={150}
              format={compact}
              lines={[
                {
                  name: "amount",
                  colour: "warn",
                  values: props.ring.growth.map(({ amount_hundredths }) => amount_hundredths / 100),
                },
              ]}
            />
          </section>
        </div>
      </div>
    </article>
  );
}
