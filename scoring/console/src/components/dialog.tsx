// A modal dialog: the browser's own, which keeps the focus inside and gives it back.

import { type JSX, onCleanup, onMount } from "solid-js";

export function Dialog(props: {
  title: string;
  wide?: boolean;
  close: () => void;
  onKey?: (event: KeyboardEvent) => void;
  children: JSX.Element;
}) {
  let element!: HTMLDialogElement;
  let returnTo: HTMLElement | null = null;
  onMount(() => {
    returnTo = document.activeElement as HTMLElement | null;
    element.showModal();
    element.querySelector<HTMLElement>("[data-first]")?.focus();
  });
  onCleanup(() => returnTo?.isConnected && returnTo.focus());
  return (
    <dialog
      ref={element}
      class={props.wide ? "wide" : ""}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        props.close();
      }}
      onKeyDown={(event) => props.onKey?.(event)}
      onClick={(event) => event.target === element && props.close()}
    >
      <div class="dialog-body">
        <h2 id="dialog-title">{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  );
}
