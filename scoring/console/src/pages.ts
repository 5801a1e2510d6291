// The pages in the bar, by the first part of their address.

export const PAGES: [string, string][] = [
  ["queue", "Queue"],
  ["rings", "Rings"],
  ["rules", "Lists & rules"],
  ["experiments", "Experiments"],
  ["health", "Health"],
  ["audit", "Audit"],
];

/** What a tab of the browser says. */
export function titleOf([page, id]: string[]): string {
  if (page === "case") return `Case ${id ?? ""} · fraudnet`;
  const known = PAGES.find(([path]) => path === page);
  return known ? `${known[1]} · fraudnet` : "fraudnet";
}
