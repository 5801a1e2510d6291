// What the columns of the queue are.

import { referenceCurrency } from "../state/settings";

export function Head() {
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      <span role="columnheader">
        <span class="unseen">Selected</span>
      </span>
      <span role="columnheader" class="number">
        Due in
      </span>
      <span role="columnheader">Account</span>
      <span role="columnheader" class="number">
        Exp. loss {referenceCurrency()}
      </span>
      <span role="columnheader" class="number">
        Amount {referenceCurrency()}
      </span>
      <span role="columnheader" class="number">
        Payments
      </span>
      <span role="columnheader">Highest score</span>
      <span role="columnheader">Status</span>
      <span role="columnheader">Held by</span>
      <span role="columnheader" class="number">
        Age
      </span>
    </div>
  );
}
