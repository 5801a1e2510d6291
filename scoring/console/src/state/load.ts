// Something that is read from the service: its value, or why there is none, read again when the service comes back.

import { type Accessor, createEffect, createSignal, on, onCleanup } from "solid-js";
import { recoveries } from "./service";

export interface Load<T> {
  value: Accessor<T | undefined>;
  error: Accessor<unknown>;
  loading: Accessor<boolean>;
  reload: () => void;
  /** Puts a newer value in, as an answer to a step brought it. */
  set: (value: T) => void;
}

/** Reads again whenever `source` changes; nothing while it is null or undefined. */
export function createLoad<S, T>(source: Accessor<S | null | undefined>, read: (source: S) => Promise<T>): Load<T> {
  const [value, setValue] = createSignal<T>();
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(false);
  let asked = 0;

  async function load(wanted: S | null | undefined): Promise<void> {
    const mine = ++asked;
    if (wanted === null || wanted === undefined) return;
    setLoading(true);
    try {
      const told = await read(wanted);
      if (mine !== asked) return; // a later question is under way
      setValue(() => told);
      setError(undefined);
    } catch (reason) {
      if (mine === asked) setError(() => reason);
    } finally {
      if (mine === asked) setLoading(false);
    }
  }

  createEffect(
    on(source, (wanted) => {
      setValue(undefined);
      setError(undefined);
      void load(wanted);
    }),
  );
  createEffect(on(recoveries, () => void load(source()), { defer: true }));
  onCleanup(() => asked++);

  return {
    value,
    error,
    loading,
    reload: () => void load(source()),
    set: (newer) => {
      asked++;
      setLoading(false);
      setValue(() => newer);
    },
  };
}
