import { describe, expect, test } from "vitest";
import { MOST_ROWS, ROW_PX, scrollTo, windowOf } from "./window";

describe("the window on a long list", () => {
  test.each([
    // scroll, viewport, rows → first, count
    [0, 600, 10_000, 0, 33],
    [30_000, 600, 10_000, 994, 33],
    [299_400, 600, 10_000, 9_974, 26],
    [999_999, 600, 10_000, 9_979, 21],
    [-50, 600, 10_000, 0, 33],
    [0, 600, 0, 0, 0],
    [0, 600, 5, 0, 5],
  ])("scrolled to %i in %i px of %i rows", (scroll, viewport, rows, first, count) => {
    expect(windowOf(scroll, viewport, rows)).toEqual({ first, count });
  });

  test("never more rows than the bound, however high the screen", () => {
    for (let viewport = 0; viewport < 8_000; viewport += 37) {
      for (const scroll of [0, 12_345, 290_000])
        expect(windowOf(scroll, viewport, 10_000).count).toBeLessThanOrEqual(MOST_ROWS);
    }
  });

  test("everything in view is in the window", () => {
    for (let scroll = 0; scroll < 299_000; scroll += 997) {
      const { first, count } = windowOf(scroll, 700, 10_000);
      expect(first * ROW_PX).toBeLessThanOrEqual(scroll);
      expect((first + count) * ROW_PX).toBeGreaterThanOrEqual(Math.min(scroll + 700, 10_000 * ROW_PX));
    }
  });
});

test.each([
  // row, scroll, viewport → scroll
  [0, 300, 600, 0],
  [15, 300, 600, 300],
  [9, 300, 600, 270],
  [30, 300, 600, 330],
])("row %i comes into view from %i", (row, scroll, viewport, wanted) => {
  expect(scrollTo(row, scroll, viewport)).toBe(wanted);
});
