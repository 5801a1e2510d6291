// One line of the queue. The element stays while scrolling and shows another case.

import { Show } from "solid-js";
import type { CaseRow } from "../api/cases";
import { hundredths, span, stamp, whole } from "../components/format";
import { Due, Mark, Score, StatusMark } from "../components/marks";
import { exactNow, now } from "../state/clock";
import { me } from "../state/session";

export const rowId = (index: number): string => `row-${index}`;

export function Row(props: {
  row: CaseRow;
  index: number;
  focused: boolean;
  chosen: boolean;
  pick: (event: MouseEvent) => void;
  open: () => void;
}) {
  const worst = () => Math.max(0, ...props.row.payments.map((payment) => payment.fraud_probability));
  return (
    <div
      class="row"
      role="row"
      id={rowId(props.index)}
      aria-rowindex={props.index + 2}
      aria-selected={props.chosen}
      classList={{ focused: props.focused, chosen: props.chosen }}
      onClick={(event) => props.pick(event)}
      onDblClick={() => props.open()}
    >
      <span role="gridcell" class="tick" aria-label={props.chosen ? "selected" : "not selected"}>
        {props.chosen ? "☑" : "☐"}
      </span>
      <span role="gridcell" class="number">
        <Due row={props.row} />
      </span>
      <span role="gridcell" class="id">
        <a href={`#/case/${encodeURIComponent(props.row.case_id)}`} tabindex="-1">
          {props.row.account}
        </a>
      </span>
      <span role="gridcell" class="number">
        {hundredths(props.row.expected_loss_hundredths)}
      </span>
      <span role="gridcell" class="number">
        {hundredths(props.row.amount_hundredths)}
      </span>
      <span role="gridcell" class="number">
        {whole(props.row.payment_count)}
      </span>
      <span role="gridcell">
        <Score value={worst()} />
      </span>
      <span role="gridcell">
        <StatusMark status={props.row.status} />
        <Show when={props.row.escalated}>
          {" "}
          <Mark tone="warn" text="▲ escalated" />
        </Show>
        <Show when={(props.row.snoozed_until_ms ?? 0) > exactNow()}>
          {" "}
          <Mark tone="plain" text="snoozed" title={stamp(props.row.snoozed_until_ms)} />
        </Show>
      </span>
      <span role="gridcell">
        <Holder row={props.row} />
      </span>
      <span role="gridcell" class="number quiet" title={stamp(props.row.opened_at_ms)}>
        {span(now() - props.row.opened_at_ms)}
      </span>
    </div>
  );
}

function Holder(props: { row: CaseRow }) {
  const held = () => (props.row.lease && props.row.lease.until_ms > now() ? props.row.lease.holder : null);
  const told = (name: string) => (name === me() ? "you" : name);
  return (
    <Show
      when={held()}
      fallback={<span class="quiet">{props.row.assignee ? `for ${told(props.row.assignee)}` : "nobody"}</span>}
    >
      {(holder) => <span classList={{ mine: holder() === me() }}>● {told(holder())}</span>}
    </Show>
  );
}
