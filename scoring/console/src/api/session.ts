// Who is logged in.

import type { Permission } from "../state/permissions";
import { get, post, remove } from "./client";

export type Role = "scorer" | "analyst" | "lead" | "data-scientist" | "admin" | "auditor";

export interface Session {
  name: string;
  tenant: string;
  roles: Role[];
  permissions: Permission[];
  /** Absent, as is the end, where nobody must log in: there is no session then. */
  csrf?: string;
  expires_at_ms?: number;
  oidc: boolean;
}

export const readSession = () => get<Session>("/v1/session");
export const logIn = (proof: { token: string } | { once: string }) => post<Session>("/v1/session", proof);
export const logOut = () => remove<void>("/v1/session");
