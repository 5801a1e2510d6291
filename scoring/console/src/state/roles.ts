// What each role may do here. The service decides; this only keeps people from trying in vain.

import type { Role } from "../api/session";

export type Deed =
  "read" | "work cases" | "approve decisions" | "change lists" | "change policies" | "try rules" | "change experiments";

const ALLOWED: Record<Deed, Role[]> = {
  read: ["analyst", "lead", "data-scientist", "admin", "auditor"],
  "work cases": ["analyst", "lead"],
  "approve decisions": ["lead"],
  "change lists": ["lead", "admin"],
  "change policies": ["data-scientist", "admin"],
  "try rules": ["analyst", "lead", "data-scientist", "admin"],
  "change experiments": ["data-scientist", "admin"],
};

export const mayDo = (roles: Role[], deed: Deed): boolean => roles.some((role) => ALLOWED[deed].includes(role));
