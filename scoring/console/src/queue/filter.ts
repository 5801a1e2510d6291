// The queue's filter lives in the link: what is in the address is what is asked for.

import type { CaseFilter } from "../api/cases";

const STATUSES = ["pending", "investigating", "awaiting_approval", "closed"];

/** Unknown and malformed parts of a link are left out rather than asked for. */
export function readFilter(query: URLSearchParams): CaseFilter {
  const filter: CaseFilter = {};
  const status = query.get("status");
  if (status && STATUSES.includes(status)) filter.status = status;
  const assignee = query.get("assignee");
  if (assignee !== null) filter.assignee = assignee;
  const holder = query.get("holder");
  if (holder) filter.holder = holder;
  const least = Number(query.get("min_loss"));
  if (Number.isFinite(least) && least > 0) filter.min_loss_hundredths = Math.round(least * 100);
  if (query.get("overdue") === "true") filter.overdue = true;
  if (query.get("escalated") === "true") filter.escalated = true;
  const text = query.get("text")?.trim();
  if (text) filter.text = text;
  return filter;
}

/** The filter as a link's query; `assignee` may be empty, which means nobody's. */
export function writeFilter(filter: CaseFilter): Record<string, string> {
  const query: Record<string, string> = {};
  if (filter.status) query.status = filter.status;
  if (filter.assignee !== undefined) query.assignee = filter.assignee;
  if (filter.holder) query.holder = filter.holder;
  if (filter.min_loss_hundredths) query.min_loss = String(filter.min_loss_hundredths / 100);
  if (filter.overdue) query.overdue = "true";
  if (filter.escalated) query.escalated = "true";
  if (filter.text) query.text = filter.text;
  return query;
}
