// Which rows of a long list are in the document.

export const ROW_PX = 30;
/** With the head, 60 lines at most are in the document. */
export const MOST_ROWS = 59;
const SPARE_ROWS = 6;

export interface Window {
  first: number;
  count: number;
}

/** The rows that a viewport shows, some spare ones around them, and never more than the bound. */
export function windowOf(scroll_px: number, viewport_px: number, rows: number): Window {
  const shown = Math.min(Math.ceil(viewport_px / ROW_PX) + 1, MOST_ROWS);
  const spare = Math.min(SPARE_ROWS, Math.floor((MOST_ROWS - shown) / 2));
  const top = Math.floor(Math.max(0, scroll_px) / ROW_PX);
  const first = Math.max(0, Math.min(top - spare, rows - shown));
  return { first, count: Math.max(0, Math.min(shown + 2 * spare, rows - first)) };
}

/** Where to scroll so that a row is in view; the same place where it already is. */
export function scrollTo(row: number, scroll_px: number, viewport_px: number): number {
  const top = row * ROW_PX;
  if (top < scroll_px) return top;
  const overhang = top + ROW_PX - (scroll_px + viewport_px);
  return overhang > 0 ? scroll_px + overhang : scroll_px;
}
