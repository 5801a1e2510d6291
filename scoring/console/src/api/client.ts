// The one place that talks HTTP. Requests carry the session's cookie and, if they change something, its CSRF token.

import { readProblem, unreachable } from "./problem";

type QueryValue = string | number | boolean | null | undefined;

/** What the rest of the console wants to hear from the wire; set once by state/session and state/service. */
export const wire = {
  csrf: "",
  expired: () => {},
  answered: () => {},
  lost: () => {},
};

export const get = <T>(path: string, query: Record<string, QueryValue> = {}) => send<T>("GET", path + search(query));
export const post = <T>(path: string, body: unknown) => send<T>("POST", path, body);
export const put = <T>(path: string, body: unknown) => send<T>("PUT", path, body);
export const remove = <T>(path: string) => send<T>("DELETE", path);

export async function readText(path: string): Promise<string> {
  return (await exchange("GET", path)).text();
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await exchange(method, path, body);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

async function exchange(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = {};
  if (method !== "GET" && wire.csrf) headers["X-CSRF-Token"] = wire.csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    wire.lost();
    throw unreachable();
  }
  if (response.ok) {
    wire.answered();
    return response;
  }
  const problem = await readProblem(response);
  if (problem.unreachable) wire.lost();
  else wire.answered();
  // A wrong token at the login is told there; everywhere else 401 means that the session is over.
  if (problem.status === 401 && path !== "/v1/session") wire.expired();
  throw problem;
}

function search(query: Record<string, QueryValue>): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parts.set(name, String(value));
  }
  const told = parts.toString();
  return told && `?${told}`;
}
