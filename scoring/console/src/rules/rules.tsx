// Lists and rules: what is decided beside the model.

import { DryRunPanel } from "./dry-run";
import { Lists } from "./lists";
import { Policies } from "./policies";
import "../styles/rules.css";

export default function Rules() {
  return (
    <section class="page" aria-labelledby="rules-title">
      <h1 id="rules-title">Lists and rules</h1>
      <div class="two-columns">
        <div class="column">
          <Lists />
          <Policies />
        </div>
        <div class="column">
          <DryRunPanel />
        </div>
      </div>
    </section>
  );
}
