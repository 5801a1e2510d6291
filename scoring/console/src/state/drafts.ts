// Text that was typed and not sent. It outlives an expired session, a service that is away, and a reload.

const PREFIX = "fraudnet.draft.";

export const readDraft = (about: string): string => sessionStorage.getItem(PREFIX + about) ?? "";

export function keepDraft(about: string, text: string): void {
  if (text) sessionStorage.setItem(PREFIX + about, text);
  else sessionStorage.removeItem(PREFIX + about);
}
