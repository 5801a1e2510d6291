// Every way a request can fail, as one error with a code that pages can act on.

import type { Case } from "./cases";

export interface FieldError {
  field: string;
  reason: string;
}

export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** HTTP status; 0 where nothing answered. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    readonly code: string | null = null,
    /** The newer state, where a case was refused because it moved on. */
    readonly newer: Case | null = null,
    /** Whether a login over OIDC is offered; told with the 401 of the session. */
    readonly oidc = false,
  ) {
    super(detail || title);
  }

  /** Nobody speaks for the service: the network, or a proxy in front that has lost it. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

export const unreachable = () => new Problem(0, "the service does not answer", "the service does not answer");

/** Reads a refusal. A gateway's own error page counts as the service being away, its own 503 does not. */
export async function readProblem(response: Response): Promise<Problem> {
  const told = response.headers.get("content-type") ?? "";
  if (!told.includes("json")) {
    return response.status >= 502 && response.status <= 504
      ? unreachable()
      : new Problem(response.status, response.statusText, `the service answered ${response.status}`);
  }
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  return new Problem(
    response.status,
    text(body.title) || response.statusText,
    // `/readyz` says in `state` what another refusal says in `detail`.
    text(body.detail) || text(body.state),
    Array.isArray(body.errors) ? (body.errors as FieldError[]) : [],
    text(body.code) || null,
    (body.case as Case | undefined) ?? null,
    body.oidc === true,
  );
}

/** One line that tells a person what went wrong, with every field at fault. */
export function describe(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  const fields = error.errors.map(({ field, reason }) => `${field}: ${reason}`);
  return fields.length > 0 ? fields.join(" · ") : error.detail || error.title;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
