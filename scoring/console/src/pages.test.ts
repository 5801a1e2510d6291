import { expect, test } from "vitest";
import { firstPage, maySee, titleOf } from "./pages";
import type { Permission } from "./state/permissions";

const of =
  (...permissions: Permission[]) =>
  (permission: Permission) =>
    permissions.includes(permission);

test("one begins on the first page that one may see", () => {
  expect(firstPage(of("read-cases", "read-evidence"))).toBe("queue");
  expect(firstPage(of("read-control", "read-audit"))).toBe("experiments");
  expect(firstPage(of("read-verdicts"))).toBe("queue");
});

test("a page is shown to whom it is for, a case like the queue", () => {
  expect(maySee("case", of("read-cases"))).toBe(true);
  expect(maySee("case", of("read-evidence"))).toBe(false);
  expect(maySee("audit", of("read-cases"))).toBe(false);
  expect(maySee("nowhere", of())).toBe(true);
});

test("a tab says where one is", () => {
  expect(titleOf(["case", "c1"])).toBe("Case c1 · fraudnet");
  expect(titleOf(["rules"])).toBe("Lists & rules · fraudnet");
  expect(titleOf([])).toBe("fraudnet");
});
