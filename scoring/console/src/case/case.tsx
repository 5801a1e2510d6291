// One case: what was paid, what was decided and why, the graph as it was seen, and what to do about it.

import { createEffect, createMemo, createSignal, lazy, on, onCleanup, Show, Suspense } from "solid-js";
import { type Case, readCase } from "../api/cases";
import { readExplanation, readSeenSubgraph, readVerdict } from "../api/evidence";
import { whole } from "../components/format";
import { Loaded } from "../components/loaded";
import { bindKeys } from "../state/keyboard";
import { createLoad } from "../state/load";
import { go, route, writeRoute } from "../state/route";
import { onCaseChange } from "../work/perform";
import { Actions } from "./actions";
import { History } from "./history";
import { Notes } from "./notes";
import { Payments } from "./payments";
import { Timeline } from "./timeline";
import { VerdictCard } from "./verdict";
import { Why } from "./why";
import "../styles/case.css";

const Seen = lazy(() => import("../graph/seen"));

export default function CasePage(props: { id: string }) {
  const found = createLoad(() => props.id, readCase);
  onCleanup(onCaseChange((now) => now.case_id === props.id && found.set(now)));
  return (
    <Loaded of={found} what="the case">
      {(told) => <Sheet told={told()} />}
    </Loaded>
  );
}

function Sheet(props: { told: Case }) {
  // The payment one looks at is part of the address; the newest where it says none.
  const payment = createMemo(() => {
    const wanted = route().query.get("payment");
    const { payments } = props.told;
    return payments.find(({ transaction_id }) => transaction_id === wanted) ?? payments.at(-1);
  });
  const transaction = createMemo(() => payment()?.transaction_id);
  const choose = (id: string) => go(writeRoute(["case", props.told.case_id], { payment: id }), { replace: true });
  const step = (by: number) => () => {
    const { payments } = props.told;
    const at = payments.findIndex(({ transaction_id }) => transaction_id === transaction());
    const other = payments[at + by];
    if (other) choose(other.transaction_id);
  };
  bindKeys("case", { "previous payment": step(-1), "next payment": step(1) });

  const verdict = createLoad(transaction, readVerdict);
  const subgraph = createLoad(transaction, readSeenSubgraph);
  const explanation = createLoad(transaction, readExplanation);
  const [marked, setMarked] = createSignal<number | null>(null);
  createEffect(on(transaction, () => setMarked(null)));

  return (
    <article class="case">
      <Actions told={props.told} />
      <div class="case-columns">
        <div class="case-main">
          <Payments told={props.told} chosen={transaction()} choose={choose} />
          <section class="card" aria-labelledby="graph-title">
            <h2 id="graph-title">
              Graph, as the verdict saw it{" "}
              <Show when={subgraph.value()}>
                {(seen) => (
                  <span class="quiet number">
                    {seen().hops.join(" + ")} entities by hop
                    {seen().truncated > 0 ? `, ${whole(seen().truncated)} left out` : ""}
                  </span>
                )}
              </Show>
            </h2>
            <Loaded of={subgraph} what="the subgraph">
              {(seen) => (
                <Suspense
                  fallback={
                    <p class="loading" aria-busy="true">
                      Loading the graph …
                    </p>
                  }
                >
                  <Seen
                    seen={seen()}
                    digest={verdict.value()?.subgraph_digest}
                    attention={explanation.value()?.attention ?? []}
                    marked={marked()}
                  />
                </Suspense>
              )}
            </Loaded>
          </section>
          <History account={props.told.account} transaction={transaction()} />
        </div>
        <div class="case-side">
          <Loaded of={verdict} what="the verdict">
            {(told) => <VerdictCard verdict={told()} />}
          </Loaded>
          <Why verdict={verdict} explanation={explanation} mark={setMarked} />
          <Notes told={props.told} />
          <Timeline told={props.told} />
          <Show when={props.told.merged_into}>
            {(into) => (
              <p class="quiet">
                This case went into <a href={writeRoute(["case", into()])}>{into()}</a>.
              </p>
            )}
          </Show>
        </div>
      </div>
    </article>
  );
}
