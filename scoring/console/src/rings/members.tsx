// The members of a ring, each with its open case.

import { For, Show } from "solid-js";
import type { RingMember } from "../api/rings";
import { stamp, whole } from "../components/format";
import { writeRoute } from "../state/route";

export function Members(props: {
  members: RingMember[];
  leftOut: number;
  chosen: string | undefined;
  choose: (kind: string, id: string) => void;
}) {
  return (
    <section class="card" aria-labelledby="members-title">
      <h2 id="members-title">
        Members{" "}
        <Show when={props.leftOut > 0}>
          <span class="quiet">{whole(props.leftOut)} more are not listed</span>
        </Show>
      </h2>
      <div class="scrolls tall" tabindex="0" role="group" aria-labelledby="members-title">
        <table>
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">Kind</th>
              <th scope="col" class="number">
                Payments
              </th>
              <th scope="col" class="number">
                Reported
              </th>
              <th scope="col">Since</th>
              <th scope="col">Case</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.members}>
              {(member) => (
                <tr classList={{ current: props.chosen === `${member.kind}:${member.id}` }}>
                  <th scope="row">
                    <button type="button" class="link" onClick={() => props.choose(member.kind, member.id)}>
                      {member.id}
                    </button>
                  </th>
                  <td>{member.kind}</td>
                  <td class="number">{whole(member.payments)}</td>
                  <td class="number" classList={{ late: member.reported > 0 }}>
                    {member.reported > 0 ? `▲ ${whole(member.reported)}` : "0"}
                  </td>
                  <td class="time">{stamp(member.since_ms).slice(0, 10)}</td>
                  <td>
                    <Show when={member.open_case} fallback={<span class="quiet">none</span>}>
                      {(open) => <a href={writeRoute(["case", open().case_id])}>open</a>}
                    </Show>
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
