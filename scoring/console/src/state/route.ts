// Where one is: everything behind the `#`, read as a path and a query, so that any view is a link that can be shared.

import { createSignal } from "solid-js";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

export function readRoute(hash: string): Route {
  const told = hash.replace(/^#\/?/, "");
  const cut = told.indexOf("?");
  const path = cut < 0 ? told : told.slice(0, cut);
  return {
    path: path.split("/").filter(Boolean).map(decode),
    query: new URLSearchParams(cut < 0 ? "" : told.slice(cut + 1)),
  };
}

export function writeRoute(path: string[], query?: URLSearchParams | Record<string, string>): string {
  const told = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${told && `?${told}`}`;
}

// A link somebody mangled must not take the page down.
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const here = () => (typeof location === "undefined" ? "" : location.hash);
const [route, setRoute] = createSignal<Route>(readRoute(here()));

export { route };

export function watchRoute(): void {
  addEventListener("hashchange", () => setRoute(readRoute(here())));
}

export function go(hash: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", hash);
    setRoute(readRoute(here()));
  } else {
    location.hash = hash;
  }
}
