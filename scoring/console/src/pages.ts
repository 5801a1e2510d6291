// The pages in the bar, by the first part of their address.

import type { Permission } from "./state/permissions";

interface Place {
  path: string;
  title: string;
  needs: Permission;
}

export const PAGES: Place[] = [
  { path: "queue", title: "Queue", needs: "read-cases" },
  { path: "rings", title: "Rings", needs: "read-evidence" },
  { path: "rules", title: "Lists & rules", needs: "read-lists" },
  { path: "experiments", title: "Experiments", needs: "read-control" },
  { path: "health", title: "Health", needs: "read-control" },
  { path: "audit", title: "Audit", needs: "read-audit" },
];

const pageOf = (path: string | undefined): Place | undefined =>
  PAGES.find((page) => page.path === (path === "case" ? "queue" : path));

/** Whether somebody with these permissions may see a page; of one that is none there is nothing to hide. */
export function maySee(path: string | undefined, may: (permission: Permission) => boolean): boolean {
  const page = pageOf(path);
  return !page || may(page.needs);
}

/** The first page that somebody may see; the queue where there is none. */
export const firstPage = (may: (permission: Permission) => boolean): string =>
  PAGES.find(({ needs }) => may(needs))?.path ?? "queue";

/** What a tab of the browser says. */
export function titleOf([path, id]: string[]): string {
  if (path === "case") return `Case ${id ?? ""} · fraudnet`;
  const page = pageOf(path);
  return page ? `${page.title} · fraudnet` : "fraudnet";
}
