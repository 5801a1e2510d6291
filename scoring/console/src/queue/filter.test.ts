import { describe, expect, test } from "vitest";
import { readRoute, writeRoute } from "../state/route";
import { readFilter, writeFilter } from "./filter";

const read = (query: string) => readFilter(new URLSearchParams(query));

describe("a filter in a link", () => {
  test.each([
    ["", {}],
    ["status=pending&overdue=true", { status: "pending", overdue: true }],
    ["assignee=", { assignee: "" }],
    ["min_loss=12.5", { min_loss_hundredths: 1_250 }],
    ["text=%20acc_1%20", { text: "acc_1" }],
    // what nobody could have meant is left out
    ["status=everything&min_loss=lots&overdue=1&min_loss=-4", {}],
    ["text=<script>", { text: "<script>" }],
  ])("%s", (query, filter) => {
    expect(read(query)).toEqual(filter);
  });

  test("comes back as it was written", () => {
    const filter = {
      status: "closed",
      assignee: "",
      min_loss_hundredths: 99_900,
      overdue: true,
      escalated: true,
      text: "a&b=c#d",
    };
    const link = writeRoute(["queue"], writeFilter(filter));
    expect(readFilter(readRoute(link).query)).toEqual(filter);
  });
});

describe("a route", () => {
  test.each(["case_1", "a/b", "<script>alert(1)</script>", "ü %"])("holds the id %s", (id) => {
    expect(readRoute(writeRoute(["case", id], { payment: id }))).toMatchObject({ path: ["case", id] });
  });

  test("that was mangled is still a route", () => {
    expect(readRoute("#/case/%E0%A4%A").path).toEqual(["case", "%E0%A4%A"]);
  });
});
