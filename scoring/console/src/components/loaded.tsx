// The three faces of anything loaded: there, not yet, and why not.

import { type Accessor, type JSX, Match, Show, Switch } from "solid-js";
import { describe, Problem } from "../api/problem";
import type { Load } from "../state/load";

export function Loaded<T>(props: { of: Load<T>; what: string; children: (value: Accessor<T>) => JSX.Element }) {
  return (
    <Switch
      fallback={
        // Nothing at all where nothing was asked for.
        <Show when={props.of.loading()}>
          <p class="loading" aria-busy="true">
            Loading {props.what} …
          </p>
        </Show>
      }
    >
      <Match when={props.of.value()}>{(value) => props.children(value)}</Match>
      <Match when={props.of.error()}>
        {(error) => <Failed what={props.what} error={error()} retry={props.of.reload} />}
      </Match>
    </Switch>
  );
}

export function Failed(props: { what: string; error: unknown; retry: () => void }) {
  const status = () => (props.error instanceof Problem ? props.error.status : 0);
  const title = () => ({ 404: "Not here", 410: "No longer kept" })[status()] ?? "Cannot show";
  return (
    <div class="failed" role="alert">
      <strong>
        {title()}: {props.what}
      </strong>
      <span>{describe(props.error)}</span>
      <button type="button" onClick={() => props.retry()}>
        Try again
      </button>
    </div>
  );
}

export function Empty(props: { children: JSX.Element }) {
  return <p class="empty">{props.children}</p>;
}
