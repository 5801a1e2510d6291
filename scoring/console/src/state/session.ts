// Who is at work. A session that ends sends to the login and from there back to the same page.

import { createSignal } from "solid-js";
import { wire } from "../api/client";
import { type Session, logIn, logOut, readSession } from "../api/session";
import { Problem } from "../api/problem";
import { go, route, writeRoute } from "./route";
import { firstPage } from "../pages";
import type { Permission } from "./permissions";

const [session, setSession] = createSignal<Session | null>(null);
const [oidcOffered, setOidcOffered] = createSignal(false);
const [over, setOver] = createSignal(false);

/** `over`: there was a session in this page, and it ended by itself. */
export { session, oidcOffered, over };

export const may = (permission: Permission): boolean => session()?.permissions.includes(permission) ?? false;
/** Where one begins: the first page that one may see. */
export const home = (): string => `#/${firstPage(may)}`;
export const me = (): string => session()?.name ?? "";

function keep(told: Session | null): void {
  wire.csrf = told?.csrf ?? "";
  setSession(told);
}

export function watchSession(): void {
  wire.expired = expireSession;
}

/** Asks who one is. Anything but "nobody" is thrown: a service that is away says nothing about the session. */
export async function resumeSession(): Promise<void> {
  try {
    keep(await readSession());
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    setOidcOffered(error.oidc);
    expireSession();
  }
}

export async function beginSession(proof: { token: string } | { once: string }): Promise<void> {
  keep(await logIn(proof));
  setOver(false);
}

export async function endSession(): Promise<void> {
  await logOut();
  keep(null);
  go(writeRoute(["login"]));
}

function expireSession(): void {
  setOver(session() !== null || over());
  keep(null);
  if (route().path[0] === "login") return;
  go(writeRoute(["login"], { return: location.hash }));
}

/** Only a place in this console: a login link must not lead elsewhere. */
export function returnPlace(told: string | null): string {
  return told?.startsWith("#/") && !told.startsWith("#/login") ? told : home();
}
