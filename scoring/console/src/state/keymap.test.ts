import { describe, expect, test } from "vitest";
import { actionFor, isPrefix, isTyping, KEYMAP } from "./keymap";

describe("the key table", () => {
  test("gives a key one meaning in a place, and none that hides one from everywhere", () => {
    const places = ["queue", "case", "graph"] as const;
    for (const row of KEYMAP) {
      const same = KEYMAP.filter((other) => other.keys === row.keys && other.place === row.place);
      expect(same, row.keys).toHaveLength(1);
    }
    for (const { keys } of KEYMAP.filter(({ place }) => place === "everywhere")) {
      for (const place of places) expect(actionFor(place, keys), keys).toBeUndefined();
    }
    // a case shows its graph on the same page
    for (const { keys } of KEYMAP.filter(({ place }) => place === "graph"))
      expect(actionFor("case", keys), keys).toBeUndefined();
  });

  test("has no key that is also the beginning of two", () => {
    for (const { keys } of KEYMAP) expect(isPrefix(keys), keys).toBe(false);
  });

  test.each([
    ["queue", "j", "", "down"],
    ["case", "a", "", "approve"],
    ["case", "A", "", "agree"],
    ["everywhere", "q", "g", "go queue"],
    ["everywhere", "q", "", undefined],
    ["queue", "j", "g", undefined],
  ] as const)("in %s %s after '%s' means %s", (place, key, prefix, action) => {
    expect(actionFor(place, key, prefix)).toBe(action);
  });
});

test.each([
  [{ tagName: "TEXTAREA" }, true],
  [{ tagName: "INPUT", type: "search" }, true],
  [{ tagName: "INPUT", type: "checkbox" }, false],
  [{ tagName: "INPUT", type: "range" }, false],
  [{ tagName: "SELECT" }, true],
  [{ tagName: "DIV", isContentEditable: true }, true],
  [{ tagName: "BUTTON" }, false],
  [null, false],
])("typing into %o: %s", (target, typing) => {
  expect(isTyping(target)).toBe(typing);
});
